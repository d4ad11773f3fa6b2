//! What a read gets: by number, by delimiter, by pattern, into memory, to the end.

use std::time::Duration;

use regex::bytes::Regex;
use squall::coroutine::with_timeout;
use squall::iostream::{IoStream, StreamError, StreamLimits};
use squall::log;

use crate::support::streams::{SOCKETS, over, over_everything};

#[test]
fn f081_f090_t064_read_until_close_returns_everything() {
    over_everything(|here, there| async move {
        there.write("first ").await.unwrap();
        drop(there.write("second"));
        there.close_after_write();
        assert_eq!(here.read_until_close().await.unwrap(), b"first second");
        assert!(here.read_until_close().await.is_err());
    });
}

#[test]
fn f081_a_peer_that_sends_nothing_sends_an_empty_everything_once() {
    over_everything(|here, there| async move {
        there.close();
        squall::coroutine::yield_now().await;
        assert_eq!(here.read_until_close().await.unwrap(), b"");
        assert!(matches!(here.read_until_close().await, Err(StreamError::Closed(None))));
    });
}

#[test]
fn f082_t061_reading_zero_bytes_returns_empty_and_loses_nothing() {
    over_everything(|here, there| async move {
        there.write("foobar").await.unwrap();
        assert_eq!(here.read_bytes(3).await.unwrap(), b"foo");
        assert_eq!(here.read_bytes(0).await.unwrap(), b"");
        assert_eq!(here.read_bytes(3).await.unwrap(), b"bar");
    });
}

#[test]
fn f086_read_until_close_then_another_read() {
    over_everything(|here, there| async move {
        there.write("1234").await.unwrap();
        there.close();
        assert_eq!(here.read_until_close().await.unwrap(), b"1234");
        assert!(matches!(here.read_bytes(1).await, Err(StreamError::Closed(None))));
        assert!(here.closed());
    });
}

#[test]
fn f091_t062_read_until_over_4_mb_is_linear() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let megabytes = vec![b'a'; 4 << 20];
        drop(there.write([&megabytes[..], b"\r\n"].concat()));
        let line = here.read_until(b"\r\n", None).await.unwrap();
        assert_eq!(line.len(), megabytes.len() + 2);
        drop(there.write([&megabytes[..], b"\r\n"].concat()));
        let regex = Regex::new("\r\n").unwrap();
        let line = here.read_until_regex(&regex, None).await.unwrap();
        assert_eq!(line.len(), megabytes.len() + 2);
    });
}

#[test]
fn f092_a_delimiter_in_a_small_second_packet_with_the_close_is_found() {
    over_everything(|here, there| async move {
        let regex = Regex::new("[.]").unwrap();
        let (line, writer) = (here.read_until_regex(&regex, None), there.clone());
        let line = here.io_loop().spawn(line);
        writer.write("x".repeat(1024)).await.unwrap();
        squall::coroutine::yield_now().await;
        drop(writer.write(".rest"));
        writer.close_after_write();
        assert_eq!(line.await.unwrap().unwrap().len(), 1025);
        assert_eq!(here.read_until_close().await.unwrap(), b"rest");
    });
}

#[test]
fn f093_a_close_without_delimiter_is_closed_and_no_limit_error() {
    over_everything(|here, there| async move {
        there.write("no end").await.unwrap();
        there.close();
        let outcome = here.read_until(b"\r\n", 100).await;
        assert!(matches!(outcome, Err(StreamError::Closed(None))), "{outcome:?}");
    });
}

#[test]
fn f097_t061_partial_reads_give_what_is_there() {
    over_everything(|here, there| async move {
        there.write("hello").await.unwrap();
        let mut got = here.read_partial(50).await.unwrap();
        assert!((1..=5).contains(&got.len()));
        while got.len() < 5 {
            got.extend(here.read_partial(2).await.unwrap());
        }
        assert_eq!(got, b"hello");
        assert_eq!(here.read_partial(0).await.unwrap(), b"");
    });
}

/// Limits for "abcdef\r\n", which has eight bytes with its delimiter.
const LIMITS: [(usize, bool); 4] = [(50, true), (8, true), (7, false), (3, false)];

#[test]
fn f098_f099_f100_f101_t062_the_limit_of_read_until() {
    for (max_bytes, fits) in LIMITS {
        for (buffered, by_regex) in [(false, false), (false, true), (true, false), (true, true)] {
            over_everything(move |here, there| async move {
                if buffered {
                    drop(there.write("x\r\nabcdef\r\nxyz")); // all of it comes with the first line
                    assert_eq!(here.read_until(b"\r\n", None).await.unwrap(), b"x\r\n");
                } else {
                    drop(there.write("abcdef\r\nxyz"));
                }
                check_limit(&here, max_bytes, fits, by_regex).await;
            });
        }
    }
}

async fn check_limit(stream: &IoStream, max_bytes: usize, fits: bool, by_regex: bool) {
    let captured = log::capture();
    let outcome = if by_regex {
        stream.read_until_regex(&Regex::new("\r\n").unwrap(), max_bytes).await
    } else {
        stream.read_until(b"\r\n", max_bytes).await
    };
    if fits {
        assert_eq!(outcome.unwrap(), b"abcdef\r\n");
        assert!(!stream.closed());
    } else {
        assert!(matches!(outcome, Err(StreamError::UnsatisfiableRead)));
        assert!(stream.closed());
        assert_eq!(captured.messages().len(), 1, "one line says why");
        let later = stream.read_bytes(50).await.unwrap_err();
        assert!(later.real_error().is_some(), "the cause stays: {later}");
    }
}

#[test]
fn f102_t077_a_small_buffer_is_not_overfilled() {
    let limits = StreamLimits { read_buffer_max: 10_000, ..StreamLimits::default() };
    over(&SOCKETS, &limits, |here, there| async move {
        drop(there.write(vec![b'a'; 99_999]));
        drop(there.write("\n"));
        for _ in 0..50 {
            assert_eq!(here.read_bytes(1_000).await.unwrap().len(), 1_000);
        }
        let outcome = here.read_until(b"\n", None).await;
        assert!(matches!(outcome, Err(StreamError::BufferFull)), "{outcome:?}");
        assert!(here.closed());
    });
}

#[test]
fn f104_t063_read_into_fills_takes_what_is_buffered_and_may_be_partial() {
    over_everything(|here, there| async move {
        let mut memory = [0; 8];
        drop(there.write("hello world"));
        assert_eq!(here.read_until(b" ", None).await.unwrap(), b"hello ");
        assert_eq!(here.read_into(&mut memory[..0]).await.unwrap(), 0);
        assert_eq!(here.read_into(&mut memory[..5]).await.unwrap(), 5);
        assert_eq!(&memory[..5], b"world");
        drop(there.write("!"));
        assert_eq!(here.read_into_partial(&mut memory).await.unwrap(), 1);
        drop(there.write("12345678abc"));
        assert_eq!(here.read_into(&mut memory).await.unwrap(), 8);
        assert_eq!((&memory, &here.read_bytes(3).await.unwrap()[..]), (b"12345678", &b"abc"[..]));
    });
}

#[test]
fn f105_a_mixture_of_reads_over_megabytes_keeps_the_bytes() {
    over_everything(|here, there| async move {
        let sent: Vec<u8> =
            (0..1_000_003_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        drop(there.write(sent.clone()));
        there.close_after_write();
        let (mut got, mut chance) = (Vec::new(), 7_u64);
        while got.len() < sent.len() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let size = ((chance >> 40) as usize % 20_000).min(sent.len() - got.len());
            if chance & (1 << 39) == 0 {
                got.extend(here.read_bytes(size).await.unwrap());
            } else {
                let mut memory = vec![0; size];
                let partial = chance & (1 << 38) == 0 && size > 0;
                let count = if partial {
                    here.read_into_partial(&mut memory).await.unwrap()
                } else {
                    here.read_into(&mut memory).await.unwrap()
                };
                got.extend(&memory[..count]);
            }
        }
        assert!(got == sent, "the bytes arrived changed");
    });
}

#[test]
fn t065_one_read_at_a_time() {
    over_everything(|here, there| async move {
        let first = here.io_loop().spawn(here.read_bytes(3));
        assert!(matches!(here.read_bytes(1).await, Err(StreamError::AlreadyReading)));
        drop(there.write("abcdef"));
        assert_eq!(first.await.unwrap().unwrap(), b"abc");
        assert_eq!(here.read_bytes(3).await.unwrap(), b"def");
    });
}

/// Cancelling loses no data: not what a half-satisfied read had waited for, and not what was
/// already in the memory of a `read_into`.
#[test]
fn a_dropped_read_loses_no_data() {
    over_everything(|here, there| async move {
        let moment = Duration::from_millis(5);
        there.write("hello ").await.unwrap();
        assert!(with_timeout(moment, here.read_bytes(11)).await.is_err());
        let mut memory = [0; 11];
        assert!(with_timeout(moment, here.read_into(&mut memory)).await.is_err());
        assert!(with_timeout(moment, here.read_until(b"!", 50)).await.is_err());
        there.write("world").await.unwrap();
        assert_eq!(here.read_bytes(11).await.unwrap(), b"hello world");
    });
}

/// A peer that never stops sending gets no more than its turns.
#[test]
fn a_busy_reader_lets_others_run() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        drop(there.write(vec![0; 64 << 20]));
        let total = there.io_loop().spawn(async move {
            let mut total = 0;
            while let Ok(piece) = here.read_partial(usize::MAX).await {
                total += piece.len();
                if total == 64 << 20 {
                    break;
                }
            }
            total
        });
        let mut turns = 0;
        while !total.done() {
            squall::coroutine::yield_now().await;
            turns += 1;
        }
        assert!(turns > 10, "{turns} turns");
        assert_eq!(total.await.unwrap(), 64 << 20);
    });
}
