//! Last words: they arrive although the peer is still talking, and nobody waits for ever.

use std::time::Duration;

use squall::coroutine::sleep;
use squall::iostream::{IoStream, StreamLimits};

use crate::support::streams::{Between, SOCKETS, over, over_everything, streams};
use crate::support::{kernel_has_spoken, run_virtually};

/// A server that refuses a request in the middle: the client must read why, and not "reset".
#[test]
fn last_words_arrive_although_the_peer_is_still_sending() {
    over(&SOCKETS, &StreamLimits::default(), |client, server| async move {
        let sending = client.io_loop().spawn(client.write(vec![b'x'; 8 << 20]));
        assert_eq!(server.read_bytes(10).await.unwrap().len(), 10);
        drop(server.write("413 too much"));
        server.close_after_write();
        assert_eq!(client.read_until_close().await.unwrap(), b"413 too much");
        drop(sending.await);
        client.close();
        drop(server);
    });
}

/// The same when nothing has arrived yet of what is to be refused.
#[test]
fn last_words_arrive_although_the_peer_will_send_more() {
    over(&SOCKETS, &StreamLimits::default(), |client, server| async move {
        drop(server.write("413 too much"));
        server.close_lingering();
        kernel_has_spoken().await;
        for _ in 0..10 {
            client.write(vec![b'x'; 1 << 20]).await.unwrap();
        }
        assert_eq!(client.read_until_close().await.unwrap(), b"413 too much");
        client.close();
        while !server.closed() {
            kernel_has_spoken().await;
        }
    });
}

#[test]
fn lingering_ends_with_the_peer() {
    over_everything(|client, server| async move {
        server.close_lingering();
        assert_eq!(client.read_until_close().await.unwrap(), b"");
        client.close();
        while !server.closed() {
            kernel_has_spoken().await;
        }
    });
}

async fn seconds_until_closed(stream: &IoStream) -> u64 {
    for seconds in 0..1_000 {
        if stream.closed() {
            return seconds;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("never closed")
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_after_30_seconds() {
    run_virtually(|_| async {
        let (_client, server) = streams(Between::Tcp, &StreamLimits::default());
        drop(server.write(vec![b'x'; 64 << 20]));
        server.close_after_write();
        assert_eq!(seconds_until_closed(&server).await / 10, 3);
    });
}

#[test]
fn a_peer_that_stays_is_given_up_after_2_seconds() {
    run_virtually(|_| async {
        let (_client, server) = streams(Between::Tcp, &StreamLimits::default());
        server.close_lingering();
        assert!((2..=3).contains(&seconds_until_closed(&server).await));
    });
}
