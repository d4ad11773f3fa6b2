//! Timers on the loop, in both styles of the tutorials: callbacks, and coroutines that sleep.
//!
//! Run it with `cargo run --example timers`. Everything below shares one thread; nobody waits for
//! anybody. Read next: `executor.rs`, for work that would block.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::time::Duration;

use squall::coroutine::{join_all, sleep, task};
use squall::ioloop::{IoLoop, PeriodicCallback};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io_loop = IoLoop::new()?;
    let started = io_loop.time();
    let clock = io_loop.clone();
    let say = move |text: &str| println!("{:>4} ms  {text}", (clock.time() - started).as_millis());

    // Callback style: a function for later, and one for again and again.
    let tell = say.clone();
    io_loop.call_later(Duration::from_millis(150), move || tell("a callback, 150 ms later"));
    let tell = say.clone();
    let tick = PeriodicCallback::new(&io_loop, Duration::from_millis(100), move || tell("tick"));
    tick.start();

    // A timer that nobody lets live.
    let cancelled = io_loop.call_later(Duration::from_millis(50), || unreachable!("cancelled"));
    io_loop.remove_timeout(cancelled);

    // Coroutine style: two sleepers, side by side, so it takes 200 ms and not 300.
    let sleepers = [(100, "short"), (200, "long")].map(|(ms, name)| {
        let tell = say.clone();
        io_loop.spawn(async move {
            sleep(Duration::from_millis(ms)).await;
            tell(&format!("the {name} sleep is over"));
        })
    });

    // The tutorial's own line: yield gen.Task(IOLoop.instance().add_timeout, time.time() + 0.3)
    let timer = io_loop.clone();
    io_loop.run_sync(async move {
        let deadline = timer.time() + Duration::from_millis(300);
        task(|resume| timer.add_timeout(deadline, move || resume.call(()))).await?;
        join_all(sleepers).await?;
        say("gen.Task(add_timeout): the last one ends the program");
        Ok::<_, squall::future::Error>(())
    })??;
    tick.stop();
    Ok(())
}
