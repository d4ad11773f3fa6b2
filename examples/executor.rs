//! Work that blocks goes to the executor: the loop ticks on while four jobs sleep in threads.
//!
//! Run it with `cargo run --example executor`. The seeds' traps are here too: a timeout that is a
//! `Duration` (their `timedelta(10)` was ten days), and a result that is awaited, not asked for.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the blocking sleep is what this example is about")]

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use squall::coroutine::{join_all, with_timeout};
use squall::executor::{Executor, RunOnExecutor};
use squall::future::Future;
use squall::ioloop::{IoLoop, PeriodicCallback};

/// Tornado's class with an `executor` attribute and a `@run_on_executor` method.
struct Pinger {
    executor: Executor,
}

impl RunOnExecutor for Pinger {
    fn executor(&self) -> &Executor {
        &self.executor
    }
}

impl Pinger {
    /// Stands for any call that blocks, such as the tutorial's `os.system("ping -c 1 ...")`.
    fn ping(&self, host: &'static str) -> Future<String> {
        self.run_on_executor(move || {
            thread::sleep(Duration::from_millis(100));
            format!("{host} answered on thread {:?}", thread::current().name().unwrap_or("?"))
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io_loop = IoLoop::new()?;
    let ticks = Rc::new(Cell::new(0));
    let count = Rc::clone(&ticks);
    let tick = PeriodicCallback::new(&io_loop, Duration::from_millis(10), move || {
        count.set(count.get() + 1);
    });
    tick.start();

    io_loop.run_sync(async move {
        let pinger = Pinger { executor: Executor::new(10) };

        // Four jobs of 100 ms, on four threads, take about 100 ms.
        let started = IoLoop::current().time();
        let pings = ["alpha", "beta", "gamma", "delta"].map(|host| pinger.ping(host));
        for answer in join_all(pings).await? {
            println!("{answer}");
        }
        let elapsed = (IoLoop::current().time() - started).as_millis();
        println!("four jobs took {elapsed} ms; meanwhile the loop ticked {} times", ticks.get());

        // A time limit does not stop the job; it only stops the waiting.
        match with_timeout(Duration::from_millis(20), pinger.ping("omega")).await {
            Ok(answer) => println!("{}", answer?),
            Err(timed_out) => println!("omega: {timed_out}, and the loop is free"),
        }

        // Asking for a result that is not there would stop the loop, so it is refused.
        let pending = pinger.ping("epsilon");
        if let Err(refused) = pending.result() {
            println!("result(): {refused}");
        }
        println!("await:    {}", pending.await?);
        Ok::<_, squall::future::Error>(())
    })??;
    Ok(())
}
