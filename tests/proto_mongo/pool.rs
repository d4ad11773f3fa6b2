//! The connection pool: scripts of what happens to it, and the actions it must answer with.

use std::time::Duration;

use squall::proto::mongo::pool::{Action, CloseReason, ConnectionId, Pool, Refusal, WaiterId};
use squall::proto::mongo::settings::PoolSettings;
use squall::reactor::Instant;

fn describe(action: Action) -> String {
    match action {
        Action::Connect(c) => format!("connect c{}", c.0),
        Action::Grant(w, c) => format!("w{} gets c{}", w.0, c.0),
        Action::Refuse(w, Refusal::TimedOut) => format!("w{} timed out", w.0),
        Action::Refuse(w, Refusal::Cleared) => format!("w{} cleared", w.0),
        Action::Refuse(w, Refusal::Closed) => format!("w{} closed", w.0),
        Action::Refuse(w, Refusal::ConnectFailed(c)) => format!("w{} lost c{}", w.0, c.0),
        Action::Close(c, CloseReason::Stale) => format!("close c{} stale", c.0),
        Action::Close(c, CloseReason::Idle) => format!("close c{} idle", c.0),
        Action::Close(c, CloseReason::Error) => format!("close c{} error", c.0),
        Action::Close(c, CloseReason::PoolClosed) => format!("close c{} pool closed", c.0),
    }
}

/// Runs lines of `what happens -> actions`, separated by commas; checks the books after each.
fn check(settings: PoolSettings, script: &str) {
    let mut pool = Pool::new(settings);
    let mut now = Instant::ZERO;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (happens, expected) = line.split_once("->").unwrap_or((line, ""));
        for step in happens.split(',') {
            let mut words = step.split_whitespace();
            let (verb, name) = (words.next().unwrap(), words.next().unwrap_or("x0"));
            let id: u64 = name[1..].parse().unwrap_or(0);
            match verb {
                "ready" => pool.ready(now),
                "out" => assert_eq!(pool.check_out(now), WaiterId(id), "{line}"),
                "made" => pool.connected(ConnectionId(id), now),
                "failed" => pool.connect_failed(ConnectionId(id), now),
                "in" => pool.check_in(ConnectionId(id), now),
                "broken" => pool.discard(ConnectionId(id), now),
                "cancel" => pool.cancel(WaiterId(id)),
                "clear" => pool.clear(),
                "close" => pool.close(),
                "later" => {
                    now += Duration::from_secs(id);
                    pool.expire(now);
                }
                "deadline" => assert_eq!(pool.deadline(), Some(now + Duration::from_secs(id))),
                "none" => assert_eq!(pool.deadline(), None, "{line}"),
                other => panic!("{other} in {line}"),
            }
        }
        let actions = std::iter::from_fn(|| pool.next_action()).map(describe).collect::<Vec<_>>();
        assert_eq!(actions.join(", "), expected.trim(), "{line}");
        assert!(pool.total() <= settings.size_max, "{line}");
        assert!(pool.available() <= pool.total(), "{line}");
    }
}

fn of_size(size_max: usize) -> PoolSettings {
    PoolSettings { size_max, ..PoolSettings::default() }
}

#[test]
fn a_paused_pool_gives_nothing() {
    check(of_size(2), "out w1 -> w1 cleared\n ready\n ready\n out w2 -> connect c1");
}

/// M008, M010: up to the limit connections are made, then they are shared, first come first served.
#[test]
fn m010_waiters_are_served_in_order() {
    check(
        of_size(2),
        "ready
         out w1, out w2, out w3, out w4 -> connect c1, connect c2
         made c2 -> w1 gets c2
         made c1 -> w2 gets c1
         in c1 -> w3 gets c1
         in c1 -> w4 gets c1
         in c1, in c2
         out w5 -> w5 gets c2",
    );
}

/// M008: no more handshakes at once than allowed, and no more than are needed.
#[test]
fn m008_handshakes_at_once() {
    let settings = PoolSettings { connecting_max: 1, ..of_size(9) };
    check(
        settings,
        "ready
         out w1, out w2, out w3 -> connect c1
         made c1 -> w1 gets c1, connect c2
         in c1 -> w2 gets c1
         made c2 -> w3 gets c2
         in c1, in c2
         out w4 -> w4 gets c2",
    );
}

/// HAZ35, M079: a connection left in the middle never comes back, another takes its place.
#[test]
fn haz35_broken_connections_are_replaced() {
    check(
        of_size(1),
        "ready
         out w1, out w2 -> connect c1
         made c1 -> w1 gets c1
         broken c1 -> close c1 error, connect c2
         made c2 -> w2 gets c2
         broken c2, broken c2, in c2 -> close c2 error",
    );
}

#[test]
fn a_waiter_may_go_away() {
    check(
        of_size(1),
        "ready
         out w1, out w2, out w3 -> connect c1
         cancel w1
         made c1 -> w2 gets c1
         cancel w3
         in c1
         cancel w9",
    );
}

#[test]
fn waiting_has_an_end() {
    let settings = PoolSettings { wait_timeout: Some(Duration::from_secs(5)), ..of_size(1) };
    check(
        settings,
        "ready, none
         out w1 -> connect c1
         made c1 -> w1 gets c1
         none
         out w2, deadline +5
         later +2
         out w3
         later +3 -> w2 timed out
         in c1 -> w3 gets c1",
    );
}

/// After a fault nothing made before may be used again, wherever it is at the moment.
#[test]
fn m008_clear_and_recover() {
    check(
        of_size(3),
        "ready
         out w1, out w2, out w3, out w4 -> connect c1, connect c2
         made c1 -> w1 gets c1, connect c3
         made c2 -> w2 gets c2
         in c2 -> w3 gets c2
         in c2 -> w4 gets c2
         in c2
         clear -> close c2 stale
         out w5 -> w5 cleared
         made c3 -> close c3 stale
         ready
         out w6 -> connect c4
         in c1 -> close c1 stale
         made c4 -> w6 gets c4",
    );
    check(of_size(1), "ready\n out w1, out w2 -> connect c1\n clear -> w1 cleared, w2 cleared");
}

/// A connection that cannot be made is told to whoever waited longest; the others go on.
#[test]
fn failures_to_connect() {
    check(
        of_size(2),
        "ready
         out w1, out w2, out w3 -> connect c1, connect c2
         failed c2 -> w1 lost c2, connect c3
         made c1 -> w2 gets c1
         made c3 -> w3 gets c3",
    );
}

/// `minPoolSize` is kept, but a server that refuses is not stormed for it.
#[test]
fn some_connections_are_kept() {
    let settings = PoolSettings { size_min: 2, connecting_max: 1, ..of_size(4) };
    check(
        settings,
        "ready -> connect c1
         made c1 -> connect c2
         failed c2
         out w1 -> w1 gets c1
         out w2 -> connect c3
         made c3 -> w2 gets c3
         broken c3 -> close c3 error, connect c4",
    );
}

#[test]
fn idle_connections_go() {
    let settings = PoolSettings { idle_time_max: Some(Duration::from_secs(10)), ..of_size(2) };
    check(
        settings,
        "ready
         out w1, out w2 -> connect c1, connect c2
         made c1, made c2 -> w1 gets c1, w2 gets c2
         in c1
         later +4
         in c2, deadline +6
         out w3 -> w3 gets c2
         later +6 -> close c1 idle
         none
         in c2
         later +9
         deadline +1",
    );
}

/// M023: closing ends everything, and once is as good as twice.
#[test]
fn m023_close() {
    check(
        of_size(2),
        "ready
         out w1, out w2, out w3 -> connect c1, connect c2
         made c1, made c2 -> w1 gets c1, w2 gets c2
         in c1 -> w3 gets c1
         in c1
         out w4, out w5, out w6 -> w4 gets c1
         close -> w5 closed, w6 closed
         in c1 -> close c1 pool closed
         close, ready, clear
         out w7 -> w7 closed
         in c2 -> close c2 pool closed",
    );
    check(
        of_size(2),
        "ready
         out w1, out w2 -> connect c1, connect c2
         made c1 -> w1 gets c1
         in c1 -> w2 gets c1
         in c1
         close -> close c1 pool closed, close c2 pool closed
         made c2",
    );
}

/// An attempt from before a clear: its failure is no news for those who came after, and nobody
/// waits for its success.
#[test]
fn stale_attempts_blame_nobody() {
    check(
        of_size(3),
        "ready
         out w1 -> connect c1
         clear -> w1 cleared
         ready
         out w2 -> connect c2
         failed c1
         made c2 -> w2 gets c2",
    );
}
