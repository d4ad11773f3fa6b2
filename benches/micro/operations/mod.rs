//! The named operations of squall whose price is kept: one table, for the clock and for the counter.
//!
//! Owns the names and how often each is repeated. An operation is prepared first, outside of what
//! is measured, and then run. Read next: `runtime.rs`.

mod clock;
mod mongo;
mod runtime;
mod sockets;

pub(crate) use clock::STEADY;

/// Work that is ready to be measured; what it needs lives as long as it does.
pub(crate) type Prepared = Box<dyn FnMut()>;

/// One operation with a name of its own in every table.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Makes ready to do it so many times.
    pub(crate) prepare: fn(usize) -> Prepared,
    /// So many times are enough for a figure that repeats.
    pub(crate) times: usize,
}

/// All of them, the cheapest layer first.
pub(crate) const ALL: &[Operation] = &[
    Operation { name: "callback", prepare: runtime::callback, times: 50_000 },
    Operation { name: "callback_chain", prepare: runtime::callback_chain, times: 20_000 },
    Operation { name: "spawn_empty", prepare: runtime::spawn_empty, times: 20_000 },
    Operation { name: "yield_100", prepare: runtime::yield_100, times: 50_000 },
    Operation { name: "ping_pong", prepare: runtime::ping_pong, times: 20_000 },
    Operation {
        name: "future_set_and_await",
        prepare: runtime::future_set_and_await,
        times: 20_000,
    },
    Operation { name: "timer_insert", prepare: runtime::timer_insert, times: 20_000 },
    Operation { name: "timer_cancel", prepare: runtime::timer_cancel, times: 20_000 },
    Operation { name: "timer_insert_1m", prepare: runtime::timer_insert_1m, times: 20_000 },
    Operation { name: "echo_roundtrip", prepare: sockets::echo_roundtrip, times: 5_000 },
    Operation {
        name: "http_keep_alive_request",
        prepare: sockets::http_keep_alive_request,
        times: 5_000,
    },
    Operation { name: "http_pipelined_16", prepare: sockets::http_pipelined_16, times: 500 },
    Operation {
        name: "web_keep_alive_request",
        prepare: sockets::web_keep_alive_request,
        times: 5_000,
    },
    Operation { name: "mongo_encode_find_one", prepare: mongo::encode_find_one, times: 10_000 },
    Operation { name: "mongo_decode_find_1000", prepare: mongo::decode_find_1000, times: 10 },
];
