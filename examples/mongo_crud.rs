//! A document's life: made, found, changed, counted and deleted, on the loop and without a thread.
//!
//! Run it with `cargo run --example mongo_crud`: it brings a small store of its own. With a
//! connection string behind it, or in `MONGODB_URI`, it asks a MongoDB instead, such as the one of
//! `bash tests/mongod.sh start-standalone 27017`. Read next: `src/mongo/mod.rs`.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use bson::doc;
use squall::coroutine::join_all;
use squall::ioloop::IoLoop;
use squall::mongo::embedded::Server;
use squall::mongo::{Error, Event, FindOneAndOptions, Index, MongoClient};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let named = std::env::args().nth(1).or_else(|| std::env::var("MONGODB_URI").ok());
    IoLoop::new()?.run_sync(async move {
        let store = Server::memory();
        let client = match named {
            Some(uri) => MongoClient::new(&uri)?, // nothing is sent yet
            None => MongoClient::new(&format!("mongodb://{}", store.listen(0)?))?,
        };
        client.on_event(|event| {
            if let Event::CommandSucceeded { name, took, .. } = event {
                println!("    {name} took {took:?}");
            }
        });
        tour(&client).await?;
        client.close();
        Ok(())
    })?
}

async fn tour(client: &MongoClient) -> Result<(), Error> {
    let database = client.database("squall_example");
    let users = database.collection("user");
    database.drop().await?;

    println!("a unique index decides who was first");
    users.create_index(Index::new(doc! { "name": 1 }).unique()).await?;
    let ada = users.insert_one(doc! { "name": "ada", "born": 1815 }).await?;
    println!("  inserted {}", ada.inserted_id);
    match users.insert_one(doc! { "name": "ada" }).await {
        Err(error) if error.is_duplicate_key() => println!("  a second ada: {error}"),
        outcome => println!("  strange: {outcome:?}"),
    }

    println!("a hundred documents are one message");
    let more = (0..100).map(|n| doc! { "name": format!("user {n}"), "born": 1900 + n });
    println!("  inserted {}", users.insert_many(more).await?.inserted_ids.len());

    println!("a cursor brings them back, twenty at a time");
    let young = users.find(doc! { "born": { "$gte": 1960 } }).sort(doc! { "born": -1 });
    let mut young = young.batch_size(20);
    let mut count = 0;
    while let Some(user) = young.next().await? {
        count += 1;
        if count == 1 {
            println!("  the youngest is {user}");
        }
    }
    println!("  {count} were born since 1960");

    println!("ten questions at once, on one thread");
    let io_loop = IoLoop::current();
    let questions = (0..10).map(|n| {
        let users = users.clone();
        io_loop
            .spawn(async move { users.count_documents(doc! { "born": { "$lt": 1910 + n } }).await })
    });
    let counts = join_all(questions.collect::<Vec<_>>()).await.expect("none of them is cancelled");
    println!("  {:?}", counts.into_iter().collect::<Result<Vec<_>, _>>()?);

    println!("changed and read in one step");
    let after = FindOneAndOptions { return_after: true, ..FindOneAndOptions::default() };
    let change = doc! { "$set": { "field": "mathematics" } };
    let changed = users.find_one_and_update(doc! { "name": "ada" }, change, after).await?;
    println!("  {}", changed.unwrap_or_default());

    println!("and gone");
    println!("  deleted {}", users.delete_many(doc! {}).await?.deleted);
    database.drop().await
}
