//! Child processes on every backend: exit statuses, deaths by signal, many at once (T342-T344).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, block and look at the real clock"
)]

mod support;

use std::process::Command;
use std::time::Duration;

use squall::coroutine::{join_all, sleep};
use squall::ioloop::IoLoop;
use squall::process::{Subprocess, return_code};
use support::run_on_each_backend;

#[test]
fn f353_the_exit_status_arrives_as_a_future_and_the_loop_goes_on_meanwhile() {
    run_on_each_backend(|| async {
        let child = Subprocess::spawn(Command::new("sh").args(["-c", "sleep 0.05; exit 3"]));
        let exit = IoLoop::current().spawn(child.unwrap().wait_for_exit());
        let mut turns = 0;
        while !exit.done() {
            sleep(Duration::from_millis(5)).await;
            turns += 1;
        }
        assert!(turns > 1);
        assert_eq!(return_code(exit.await.unwrap().unwrap()), 3);
    });
}

#[test]
fn f353_a_child_that_has_ended_already_is_noticed() {
    run_on_each_backend(|| async {
        let child = Subprocess::spawn(&mut Command::new("true")).unwrap();
        // Its end is observed from outside before anybody waits for it.
        let stat = format!("/proc/{}/stat", child.pid());
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(child.wait_for_exit().await.unwrap().success());
    });
}

#[test]
fn f353_death_by_a_signal_is_its_negative_number() {
    run_on_each_backend(|| async {
        let child = Subprocess::spawn(Command::new("sleep").arg("60")).unwrap();
        child.kill().unwrap();
        assert_eq!(return_code(child.wait_for_exit().await.unwrap()), -9);
    });
}

#[test]
fn t343_many_children_at_once_each_get_their_own_status() {
    run_on_each_backend(|| async {
        let exits = (0..10).map(|n| {
            let child = Subprocess::spawn(Command::new("sh").args(["-c", &format!("exit {n}")]));
            IoLoop::current().spawn_fallible(child.unwrap().wait_for_exit())
        });
        let codes = join_all(exits.collect::<Vec<_>>()).await.unwrap();
        let codes: Vec<i32> = codes.into_iter().map(return_code).collect();
        assert_eq!(codes, (0..10).collect::<Vec<i32>>());
    });
}

#[test]
fn a_command_that_does_not_exist_is_an_error_at_spawn() {
    run_on_each_backend(|| async {
        assert!(Subprocess::spawn(&mut Command::new("/no/such/program")).is_err());
    });
}
