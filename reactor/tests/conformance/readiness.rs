//! Clauses 2 to 5: what is reported, when it is repeated, and how the end is told.
//!
//! Owns the tests that move bytes, over TCP, Unix sockets and pipes; registering itself is tested
//! in `registration.rs`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use reactor::{Event, Events, Interest, Source, Token};
use socket2::{Domain, SockRef, Socket, Type};

use super::{A, B, drain, fill, on_every_reactor, pair, the_reason_is_taken_away};

fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, _) = listener.accept()?;
    here.set_nonblocking(true)?;
    there.set_nonblocking(true)?;
    Ok((here, there))
}

/// Starts to connect and does not wait for the outcome.
fn connect_to(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

/// F009: the socket is writable all the time, and this is nobody's business.
#[test]
fn who_asked_for_reading_hears_of_reading_only() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        stage.expect_silence();
        there.write_all(b"!")?;
        let event = stage.expect(A, Event::is_readable);
        assert!(!event.is_writable() && !event.is_read_closed() && !event.is_error());
        Ok(())
    });
}

#[test]
fn who_asked_for_writing_hears_of_writing_only() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        there.write_all(b"!")?;
        stage.register(&here, A, Interest::WRITABLE);
        let event = stage.expect(A, Event::is_writable);
        assert!(!event.is_readable() && !event.is_write_closed() && !event.is_error());
        Ok(())
    });
}

#[test]
fn what_is_possible_at_registration_is_reported() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        there.write_all(b"!")?;
        stage.register(&here, A, Interest::READABLE);
        stage.expect(A, Event::is_readable);
        stage.reactor.deregister(Source::fd(&here))?;

        drop(there);
        stage.register(&here, B, Interest::READABLE);
        stage.expect(B, Event::is_read_closed);
        Ok(())
    });
}

#[test]
fn a_source_drained_to_would_block_is_reported_again() {
    on_every_reactor(|stage| {
        let (mut here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        for round in 1..=3 {
            there.write_all(&vec![0; 1000 * round])?;
            stage.expect(A, Event::is_readable);
            assert_eq!(drain(&mut here), (1000 * round, false));
        }
        Ok(())
    });
}

/// The short-read rule saves a system call per message: no `WouldBlock` is ever seen here.
#[test]
fn a_read_that_did_not_fill_its_buffer_counts_as_draining() {
    on_every_reactor(|stage| {
        for (mut here, mut there) in [tcp_pair()?, tcp_pair()?] {
            stage.register(&here, A, Interest::READABLE);
            for _ in 0..3 {
                there.write_all(b"ten bytes!")?;
                stage.expect(A, Event::is_readable);
                assert_eq!(here.read(&mut [0; 64])?, 10);
            }
            drop(there); // the end is a change like any other
            stage.expect(A, Event::is_read_closed);
            stage.reactor.deregister(Source::fd(&here))?;
        }
        Ok(())
    });
}

#[test]
fn room_to_write_is_reported_after_would_block() {
    on_every_reactor(|stage| {
        let (mut here, mut there) = pair();
        stage.register(&here, A, Interest::WRITABLE);
        for _ in 0..3 {
            stage.expect(A, Event::is_writable);
            let written = fill(&mut here);
            stage.expect_silence();
            assert_eq!(drain(&mut there), (written, false));
        }
        stage.expect(A, Event::is_writable);
        Ok(())
    });
}

#[test]
fn reregistering_repeats_what_is_possible() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        there.write_all(b"never read")?;
        stage.register(&here, A, Interest::READABLE);
        for _ in 0..3 {
            stage.expect(A, Event::is_readable);
            stage.reactor.reregister(Source::fd(&here), A, Interest::READABLE)?;
        }
        stage.expect(A, Event::is_readable);

        stage.reactor.reregister(Source::fd(&here), A, Interest::WRITABLE)?;
        let event = stage.expect(A, Event::is_writable);
        assert!(!event.is_readable(), "reading is of no interest any more");
        stage.reactor.reregister(Source::fd(&here), A, Interest::BOTH)?;
        stage.expect(A, Event::is_readable);
        Ok(())
    });
}

#[test]
fn a_peer_that_closes_is_reported_behind_its_last_bytes() {
    on_every_reactor(|stage| {
        for (mut here, mut there) in [tcp_pair()?, tcp_pair()?] {
            stage.register(&here, A, Interest::BOTH);
            there.write_all(b"last words")?;
            drop(there);
            let event = stage.expect(A, Event::is_read_closed);
            assert!(event.is_readable(), "a closed direction is a ready one");
            assert_eq!(drain(&mut here), (10, true));
            stage.reactor.deregister(Source::fd(&here))?;
        }
        Ok(())
    });
}

#[test]
fn a_peer_that_closes_its_half_still_listens() {
    on_every_reactor(|stage| {
        let (mut here, mut there) = tcp_pair()?;
        stage.register(&here, A, Interest::BOTH);
        there.shutdown(Shutdown::Write)?;
        let event = stage.expect(A, Event::is_read_closed);
        assert!(!event.is_write_closed() && !event.is_error());
        assert_eq!(drain(&mut here), (0, true));

        stage.register(&there, B, Interest::READABLE);
        here.write_all(b"answer")?;
        stage.expect(B, Event::is_readable);
        assert_eq!(drain(&mut there), (6, false));
        Ok(())
    });
}

#[test]
fn a_reset_is_an_error() {
    on_every_reactor(|stage| {
        let (mut here, there) = tcp_pair()?;
        stage.register(&here, A, Interest::BOTH);
        SockRef::from(&there).set_linger(Some(std::time::Duration::ZERO))?;
        drop(there); // without lingering, closing is resetting
        stage.expect(A, Event::is_error);
        if !the_reason_is_taken_away() {
            let error = here.read(&mut [0; 8]).expect_err("the reason");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        Ok(())
    });
}

#[test]
fn a_pipe_tells_each_end_that_the_other_is_gone() {
    on_every_reactor(|stage| {
        let (reader, writer) = io::pipe()?;
        stage.register(&reader, A, Interest::READABLE);
        drop(writer);
        assert!(stage.expect(A, Event::is_read_closed).is_readable());

        let (reader, writer) = io::pipe()?;
        stage.register(&writer, B, Interest::WRITABLE);
        stage.expect(B, Event::is_writable);
        drop(reader);
        assert!(stage.expect(B, Event::is_write_closed).is_writable());
        Ok(())
    });
}

#[test]
fn a_listener_is_readable_when_somebody_connects() {
    on_every_reactor(|stage| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        stage.register(&listener, A, Interest::READABLE);
        stage.expect_silence();
        for _ in 0..2 {
            let _clients =
                [connect_to(listener.local_addr()?)?, connect_to(listener.local_addr()?)?];
            let mut accepted = 0;
            while accepted < 2 {
                stage.expect(A, Event::is_readable);
                accepted += std::iter::from_fn(|| listener.accept().ok()).count();
            }
        }
        Ok(())
    });
}

#[test]
fn a_connect_is_decided_when_it_is_writable() {
    on_every_reactor(|stage| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let client = connect_to(address)?;
        stage.register(&client, A, Interest::WRITABLE);
        assert!(!stage.expect(A, Event::is_writable).is_error());
        assert!(client.take_error()?.is_none());
        Ok(())
    });
}

#[test]
fn a_refused_connect_is_writable_and_says_why() {
    on_every_reactor(|stage| {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        nobody.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?; // bound, not listening
        let address = nobody.local_addr()?.as_socket().expect("an IPv4 address");
        let client = match connect_to(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(()), // at once
            client => client?,
        };
        stage.register(&client, A, Interest::WRITABLE);
        let event = stage.expect(A, Event::is_writable);
        assert!(event.is_error() && event.is_write_closed());
        if !the_reason_is_taken_away() {
            let error = client.take_error()?.expect("the reason");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        Ok(())
    });
}

#[test]
fn more_ready_sources_than_room_are_reported_in_turn() {
    on_every_reactor(|stage| {
        stage.events = Events::with_capacity(4);
        let pairs: Vec<_> = (0..20).map(|_| pair()).collect();
        for (n, (here, there)) in pairs.iter().enumerate() {
            stage.register(here, Token::new(n as u32, 0), Interest::READABLE);
            (&*there).write_all(b"!")?;
        }
        let mut silent: Vec<_> = (0..20).collect();
        while !silent.is_empty() {
            let deadline = stage.in_a_moment();
            let events = stage.wait(Some(deadline));
            assert!((1..=4).contains(&events.len()), "{} of 4, {silent:?} left", events.len());
            for event in events {
                silent.retain(|&n| n != event.token().index());
                drain(&mut &pairs[event.token().index()].0);
            }
        }
        Ok(())
    });
}
