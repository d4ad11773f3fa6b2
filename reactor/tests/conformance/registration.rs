//! Clauses 1 and 6: one name for each source, and silence after deregistration.
//!
//! Owns the tests of `register`, `reregister` and `deregister`; what is reported in between is
//! tested in `readiness.rs`.

use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;

use reactor::{Event, Interest, Source};

use super::{A, B, drain, on_every_reactor, pair};

/// F005, and F017: whether it is named by the object or by its descriptor.
#[test]
fn registering_twice_is_an_error_that_changes_nothing() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        for source in [Source::fd(&here), Source::from(here.as_fd())] {
            let error = stage.reactor.register(source, B, Interest::BOTH).expect_err("twice");
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }

        there.write_all(b"!")?;
        let event = stage.expect(A, Event::is_readable);
        assert!(!event.is_writable(), "the interest is the first one's");
        Ok(())
    });
}

/// F006: `NotFound` says it, and the loop above need not make it an error.
#[test]
fn who_is_not_registered_is_not_found() {
    on_every_reactor(|stage| {
        let (here, _there) = pair();
        let source = Source::fd(&here);
        let error = stage.reactor.deregister(source).expect_err("unknown");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = stage.reactor.reregister(source, A, Interest::BOTH).expect_err("unknown");
        assert_eq!(error.kind(), ErrorKind::NotFound);

        stage.register(&here, A, Interest::READABLE);
        stage.reactor.deregister(source)?;
        assert_eq!(
            stage.reactor.deregister(source).expect_err("unknown").kind(),
            ErrorKind::NotFound
        );
        Ok(())
    });
}

#[test]
fn a_source_may_leave_and_come_back_under_another_name() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::BOTH);
        stage.reactor.deregister(Source::fd(&here))?;
        stage.register(&here, B, Interest::READABLE);
        there.write_all(b"!")?;
        stage.expect(B, Event::is_readable);
        Ok(())
    });
}

#[test]
fn reregistering_changes_the_name() {
    on_every_reactor(|stage| {
        let (mut here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        there.write_all(b"1")?;
        stage.expect(A, Event::is_readable);
        drain(&mut here);

        stage.reactor.reregister(Source::fd(&here), B, Interest::READABLE)?;
        there.write_all(b"2")?;
        stage.expect(B, Event::is_readable);
        Ok(())
    });
}

#[test]
fn a_deregistered_source_is_silent() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::BOTH);
        there.write_all(b"before")?;
        stage.reactor.deregister(Source::fd(&here))?;
        stage.expect_silence();

        there.write_all(b"after")?;
        drop(there);
        stage.expect_silence();
        Ok(())
    });
}

/// F021: both are ready in the same wait, the first one's handler removes the second. The report
/// about the second is already made; the wait after it is silent.
#[test]
fn of_two_ready_sources_the_first_may_remove_the_second() {
    on_every_reactor(|stage| {
        let ((mut a, mut to_a), (b, mut to_b)) = (pair(), pair());
        stage.register(&a, A, Interest::READABLE);
        stage.register(&b, B, Interest::READABLE);
        to_a.write_all(b"!")?;
        to_b.write_all(b"!")?;

        stage.expect(A, Event::is_readable);
        stage.reactor.deregister(Source::fd(&b))?;
        assert_eq!(drain(&mut a), (1, false), "exactly one read happens");
        stage.expect_silence();
        Ok(())
    });
}
