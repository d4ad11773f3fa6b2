//! MongoDB: what a client costs beside the official driver, and beside bytes that are ready made.
//!
//! Owns the contenders, the operations and the documents they are about. Each contender runs one
//! operation again and again on one thread until its time is over, and answers with operations
//! and the processor time of this process. Read next: `mongo/floor.rs`, the least that a client can do.

mod floor;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use squall::ioloop::IoLoop;
use squall::mongo::MongoClient;
use squall::mongo::bson::raw::cstr;
use squall::mongo::bson::{Document, RawDocumentBuf, doc, rawdoc};

use self::floor::Floor;

/// Who can be measured. The raw ones look at documents without owning their fields.
pub(crate) const CONTENDERS: &[&str] = &["floor", "squall", "squall-raw", "mongodb", "mongodb-raw"];

/// What is measured. The number behind `c` is how many are in flight at once, otherwise one.
pub(crate) const OPERATIONS: &[&str] = &[
    "find_one_c1",
    "find_one_c64",
    "insert_one_c1",
    "insert_one_c64",
    "find_1000",
    "insert_many_10k",
];

/// The variable that names the database.
const URI: &str = "SQUALL_MONGODB_URI";

const DATABASE: &str = "squall_bench";
/// Before the clock starts: connections are made, caches are warm.
const WARM_UP: Duration = Duration::from_millis(150);

/// Says what to do where no database is named.
pub(crate) fn missing() -> Option<String> {
    let remedy = || format!("start a mongod and name it in {URI}, see tests/mongod.sh");
    std::env::var_os(URI).is_none().then(remedy)
}

/// Runs one contender with one operation for so many seconds and answers with its metrics.
pub(crate) fn run(
    contender: &str,
    operation: &str,
    seconds: f64,
) -> io::Result<Vec<(&'static str, f64)>> {
    let uri = &std::env::var(URI).map_err(io::Error::other)?;
    let known = OPERATIONS.iter().find(|name| **name == operation);
    let operation = *known.ok_or_else(|| unknown(operation))?;
    let lanes = if operation.ends_with("_c64") { 64 } else { 1 };
    prepare(uri)?;
    let meter = Meter::new(Duration::from_secs_f64(seconds));
    match contender {
        "floor" => Floor::new(uri, operation, lanes)?.run(&meter)?,
        "squall" => squall_runs(operation, lanes, uri, false, &meter)?,
        "squall-raw" => squall_runs(operation, lanes, uri, true, &meter)?,
        "mongodb" => driver_runs(operation, lanes, uri, false, &meter)?,
        "mongodb-raw" => driver_runs(operation, lanes, uri, true, &meter)?,
        other => return Err(unknown(other)),
    }
    Ok(meter.metrics())
}

/// Errors that belong to their thread, as words.
fn words(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

fn unknown(what: &str) -> io::Error {
    io::Error::other(format!("{what} is not known here"))
}

/// Counts operations between the end of the warm-up and the end of the time.
struct Meter {
    warm: Instant,
    end: Instant,
    /// Wall and processor time at the first operation that counts.
    begun: Cell<Option<(Instant, f64)>>,
    ended: Cell<Option<(Instant, f64)>>,
    operations: Cell<u64>,
}

impl Meter {
    fn new(length: Duration) -> Rc<Self> {
        let warm = Instant::now() + WARM_UP;
        let (begun, ended, operations) = (Cell::new(None), Cell::new(None), Cell::new(0));
        Rc::new(Self { warm, end: warm + length, begun, ended, operations })
    }

    /// One operation is over; false when there shall be no more.
    fn goes_on(&self) -> bool {
        let now = Instant::now();
        if self.begun.get().is_none() {
            if now >= self.warm {
                self.begun.set(Some((now, processor_micros())));
            }
            return true;
        }
        if self.ended.get().is_some() {
            return false;
        }
        self.operations.set(self.operations.get() + 1);
        let goes_on = now < self.end;
        if !goes_on {
            self.ended.set(Some((now, processor_micros())));
        }
        goes_on
    }

    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let (Some(begun), Some(ended)) = (self.begun.get(), self.ended.get()) else {
            return Vec::new();
        };
        let count = self.operations.get() as f64;
        let wall = (ended.0 - begun.0).as_secs_f64();
        vec![("cpu_us", (ended.1 - begun.1) / count), ("operations_per_second", count / wall)]
    }
}

/// Processor time of this process so far.
fn processor_micros() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

// ---- the documents ---------------------------------------------------------------------------

/// About 200 bytes, as many records are.
fn record(n: i32) -> Document {
    doc! { "n": n, "s": "x".repeat(150), "a": 1 }
}

fn raw_record(n: i32) -> RawDocumentBuf {
    let mut record = RawDocumentBuf::new();
    record.append(cstr!("n"), n);
    record.append(cstr!("s"), "x".repeat(150).as_str());
    record.append(cstr!("a"), 1);
    record
}

/// What a find must have found: so many documents, and `n` of all of them, or all their bytes.
fn check_thousand(documents: u64, sum: usize, raw: bool) {
    let id_bytes = 1 + "_id".len() + 1 + 8;
    let bytes = 1000 * (raw_record(0).as_bytes().len() + id_bytes);
    assert_eq!((documents, sum), (1000, if raw { bytes } else { 499_500 }));
}

fn n_of(document: &Document) -> usize {
    document.get_i32("n").ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}

/// Puts in place what is going to be found, and removes what others have inserted.
fn prepare(uri: &str) -> io::Result<()> {
    on_a_loop(uri, |client| async move {
        let database = client.database(DATABASE);
        database.drop_collection("inserted").await.map_err(words)?;
        let thousand = database.collection("thousand");
        if thousand.estimated_document_count().await.map_err(words)? == 1000 {
            return Ok(());
        }
        thousand.drop().await.map_err(words)?;
        let small = database.collection("small");
        small.drop().await.map_err(words)?;
        let few = (0..10).map(|n| doc! { "_id": n, "name": "hello", "n": n });
        small.insert_many(few).await.map_err(words)?;
        let many = (0..1000).map(|n| {
            let mut record = record(n);
            record.insert("_id", i64::from(n));
            record
        });
        thousand.insert_many(many).await.map_err(words)?;
        Ok(())
    })
}

// ---- squall ----------------------------------------------------------------------------------

fn on_a_loop<F>(uri: &str, work: impl FnOnce(MongoClient) -> F + 'static) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let client = MongoClient::new(uri).map_err(words)?;
    let io_loop = IoLoop::new()?;
    io_loop.run_sync(async move { work(client).await }).map_err(words)?
}

fn squall_runs(
    operation: &'static str,
    lanes: usize,
    uri: &str,
    raw: bool,
    meter: &Rc<Meter>,
) -> io::Result<()> {
    let meter = Rc::clone(meter);
    on_a_loop(uri, move |client| async move {
        let io_loop = IoLoop::current();
        let lane =
            |_| io_loop.spawn(squall_lane(client.clone(), operation, raw, Rc::clone(&meter)));
        let running: Vec<_> = (0..lanes).map(lane).collect();
        for lane in running {
            lane.await.map_err(words)?.map_err(words)?;
        }
        Ok(())
    })
}

async fn squall_lane(
    client: MongoClient,
    operation: &str,
    raw: bool,
    meter: Rc<Meter>,
) -> Result<(), squall::mongo::Error> {
    let database = client.database(DATABASE);
    let [small, thousand, inserted] =
        ["small", "thousand", "inserted"].map(|name| database.collection(name));
    let bulk = if operation == "insert_many_10k" { 10_000 } else { 0 };
    let records: Vec<Document> = (0..bulk).map(record).collect();
    let raw_records: Vec<RawDocumentBuf> = (0..bulk).map(raw_record).collect();
    loop {
        match (operation, raw) {
            ("find_one_c1" | "find_one_c64", false) => {
                let found = small.find_one(doc! { "_id": 7 }).await?;
                assert!(found.is_some_and(|found| found.get_i32("n").is_ok_and(|n| n == 7)));
            }
            ("find_one_c1" | "find_one_c64", true) => {
                let found = small.find_one_raw(doc! { "_id": 7 }).await?;
                assert!(found.is_some_and(|found| found.get_i32("n").is_ok_and(|n| n == 7)));
            }
            ("insert_one_c1" | "insert_one_c64", false) => {
                inserted.insert_one(doc! { "name": "hello", "n": 1 }).await?;
            }
            ("insert_one_c1" | "insert_one_c64", true) => {
                inserted.insert_one(rawdoc! { "name": "hello", "n": 1 }).await?;
            }
            ("find_1000", raw) => squall_finds_1000(&thousand, raw).await?,
            (_, false) => drop(inserted.insert_many(&records).await?),
            (_, true) => drop(inserted.insert_many(&raw_records).await?),
        }
        if !meter.goes_on() {
            return Ok(());
        }
    }
}

async fn squall_finds_1000(
    thousand: &squall::mongo::Collection,
    raw: bool,
) -> Result<(), squall::mongo::Error> {
    let mut cursor = thousand.find(doc! {});
    let (mut count, mut sum) = (0, 0);
    if raw {
        while let Some(document) = cursor.next_raw().await? {
            count += 1;
            sum += document.as_bytes().len();
        }
    } else {
        while let Some(document) = cursor.next().await? {
            count += 1;
            sum += n_of(&document);
        }
    }
    check_thousand(count, sum, raw);
    Ok(())
}

// ---- the official driver ---------------------------------------------------------------------

fn driver_runs(
    operation: &'static str,
    lanes: usize,
    uri: &str,
    raw: bool,
    meter: &Rc<Meter>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let outcome: mongodb::error::Result<()> = local.block_on(&runtime, async {
        let mut options = mongodb::options::ClientOptions::parse(uri).await?;
        options.max_pool_size = Some(lanes as u32 + 1);
        let client = mongodb::Client::with_options(options)?;
        let lane = |_| {
            let (client, meter) = (client.clone(), Rc::clone(meter));
            tokio::task::spawn_local(driver_lane(client, operation, raw, meter))
        };
        let running: Vec<_> = (0..lanes).map(lane).collect();
        for lane in running {
            lane.await.expect("no lane panics")?;
        }
        Ok(())
    });
    outcome.map_err(io::Error::other)
}

async fn driver_lane(
    client: mongodb::Client,
    operation: &'static str,
    raw: bool,
    meter: Rc<Meter>,
) -> mongodb::error::Result<()> {
    let database = client.database(DATABASE);
    let small = database.collection::<Document>("small");
    let small_raw = database.collection::<RawDocumentBuf>("small");
    let inserted = database.collection::<Document>("inserted");
    let inserted_raw = database.collection::<RawDocumentBuf>("inserted");
    let bulk = if operation == "insert_many_10k" { 10_000 } else { 0 };
    let records: Vec<Document> = (0..bulk).map(record).collect();
    let raw_records: Vec<RawDocumentBuf> = (0..bulk).map(raw_record).collect();
    loop {
        match (operation, raw) {
            ("find_one_c1" | "find_one_c64", false) => {
                let found = small.find_one(doc! { "_id": 7 }).await?;
                assert!(found.is_some_and(|found| found.get_i32("n").is_ok_and(|n| n == 7)));
            }
            ("find_one_c1" | "find_one_c64", true) => {
                let found = small_raw.find_one(doc! { "_id": 7 }).await?;
                assert!(found.is_some_and(|found| found.get_i32("n").is_ok_and(|n| n == 7)));
            }
            ("insert_one_c1" | "insert_one_c64", false) => {
                inserted.insert_one(doc! { "name": "hello", "n": 1 }).await?;
            }
            ("insert_one_c1" | "insert_one_c64", true) => {
                inserted_raw.insert_one(rawdoc! { "name": "hello", "n": 1 }).await?;
            }
            ("find_1000", raw) => driver_finds_1000(&database, raw).await?,
            (_, false) => drop(inserted.insert_many(&records).await?),
            (_, true) => drop(inserted_raw.insert_many(&raw_records).await?),
        }
        if !meter.goes_on() {
            return Ok(());
        }
    }
}

async fn driver_finds_1000(database: &mongodb::Database, raw: bool) -> mongodb::error::Result<()> {
    let mut cursor = database.collection::<Document>("thousand").find(doc! {}).await?;
    let (mut count, mut sum) = (0, 0);
    while cursor.advance().await? {
        count += 1;
        sum += if raw {
            cursor.current().as_bytes().len()
        } else {
            n_of(&cursor.deserialize_current()?)
        };
    }
    check_thousand(count, sum, raw);
    Ok(())
}
