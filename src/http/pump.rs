//! Bytes into the machine, events out of it, and what each of them means for the connection.
//!
//! Owns the loop of one delivery: however many requests it holds, they are answered in order
//! (T129) and their answers leave with one send. A service is called here, with nothing borrowed.
//! Read next: `connection.rs`, for what happens when an answer comes later.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::body::{BodyError, Pipe};
use super::connection::{Connection, Life};
use super::gzip::Decoder;
use super::intake::{Intake, refusal};
use super::request::{Parts, Request};
use super::responder::Responder;
use crate::iostream::{IoStream, StreamReader};
use crate::log::{self, Level};
use crate::proto::http1::{BodyLength, Event, Input, Outgoing, Reason, RemoteError, Status};
use crate::proto::http1::{Reading, Writing};

/// So many requests of one connection in a row, then the others have their turn.
const REQUESTS_IN_A_ROW: usize = 64;

/// With so many bytes of answers unsent, the next request has to wait. It is what a socket takes
/// at once, so that whoever reads does not notice.
const UNSENT_MAX: usize = 256 * 1024;

impl StreamReader for Connection {
    fn received(self: Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize {
        if self.life.get() == Life::Lingering {
            return bytes.len();
        }
        self.pumping.set(true);
        let used = self.pump(stream, bytes);
        self.pumping.set(false);
        if self.life.get() == Life::Upgraded {
            return used;
        }
        if self.machine.borrow().must_close() {
            self.part(stream);
            return bytes.len();
        }
        self.arm_timer(stream.io_loop());
        used
    }

    /// A client may close its half and wait for the answer. It may also be gone: a handler that
    /// wants to know is told, and decides for itself.
    fn end_of_input(self: Rc<Self>, stream: &IoStream) -> bool {
        if self.life.get() != Life::Serving || self.machine.borrow().reading() != Reading::Done {
            // Between two requests, or in the middle of one: earlier answers may be on their way.
            stream.close_after_write();
            return true;
        }
        self.machine.borrow_mut().receive_eof();
        self.life.set(Life::HalfClosed);
        self.tell_closed();
        true // until the answer is sent
    }

    fn closed(self: Rc<Self>, stream: &IoStream, _error: Option<Arc<io::Error>>) {
        self.leave(Life::Closed, stream.io_loop());
        if let Some(intake) = self.intake.take() {
            intake.fail(BodyError::Closed);
        }
        self.tell_closed();
        self.abandon();
    }
}

impl Connection {
    fn pump(self: &Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize {
        let mut input = self.machine.borrow_mut().receive(stream.io_loop().now(), bytes);
        let mut intake = self.intake.take();
        let mut parts = None; // taken when there is something to read
        let mut requests = 0;
        loop {
            if input.rest().is_empty() {
                if self.machine.borrow_mut().await_request() {
                    break;
                }
            } else if self.is_behind(stream, intake.as_ref()) {
                break;
            }
            let head = &mut parts.get_or_insert_with(|| self.server.take_parts()).head;
            let event = self.machine.borrow_mut().next_event(&mut input, head);
            let done = match event {
                Ok(Event::Request) => {
                    let request = parts.take().expect("its head is in there");
                    if self.machine.borrow_mut().end_without_body() {
                        requests += 1;
                        self.serve_bodiless(stream, request);
                        Ok(())
                    } else {
                        self.begin_request(stream, request).map(|next| intake = Some(next))
                    }
                }
                Ok(Event::Data(data)) => intake.as_mut().map_or(Ok(()), |intake| intake.push(data)),
                Ok(Event::EndOfMessage) => {
                    requests += 1;
                    self.end_request(stream, intake.take())
                }
                Ok(Event::NeedData | Event::Closed) => break,
                Ok(Event::Paused) => {
                    self.hold(stream, &input);
                    break;
                }
                Err(error) => Err(BodyError::Refused(error)),
            };
            if let Err(error) = done {
                self.refuse(stream, refusal(error));
                if let Some(intake) = intake.take() {
                    intake.fail(error);
                }
                break;
            }
            if requests >= REQUESTS_IN_A_ROW && !input.rest().is_empty() {
                self.yield_turn(stream);
                break;
            }
        }
        self.intake.replace(intake);
        if let Some(parts) = parts {
            self.server.give_parts(parts);
        }
        input.used()
    }

    /// There is more to read, and it has to wait: for the handler, or for the client itself.
    fn is_behind(self: &Rc<Self>, stream: &IoStream, intake: Option<&Intake>) -> bool {
        if intake.is_some_and(Intake::is_full) {
            self.pause(stream);
            return true;
        }
        let owes_much = self.owes_much(stream);
        if owes_much {
            self.pause_until_sent(stream);
        }
        owes_much
    }

    /// A request without a body: nothing to plan and nothing to gather.
    fn serve_bodiless(self: &Rc<Self>, stream: &IoStream, mut parts: Box<Parts>) {
        let number = self.arrive(stream, &mut parts);
        self.serve(stream, Request::new(parts, None, Rc::clone(&self.server)), number);
    }

    /// Notes when and from where a request has come, and opens its exchange. Gives its number.
    fn arrive(&self, stream: &IoStream, parts: &mut Parts) -> u64 {
        parts.received = stream.io_loop().now();
        parts.origin = self.origin;
        if let Some(trusted) = &self.server.trusted {
            trusted.apply(stream.peer(), &parts.head, &mut parts.origin);
        }
        self.open(parts)
    }

    /// A head is complete, and a body follows: asks the service for its plan, and calls it if it
    /// wants the body as a stream.
    fn begin_request(
        self: &Rc<Self>,
        stream: &IoStream,
        mut parts: Box<Parts>,
    ) -> Result<Intake, BodyError> {
        let number = self.arrive(stream, &mut parts);
        let plan = self.server.plan(stream.io_loop(), &parts.head);
        let bytes_max = plan.bytes_max.unwrap_or(self.server.limits.body_bytes_max);
        if matches!(parts.head.body_length(), BodyLength::Known(length) if length > bytes_max) {
            return Err(BodyError::Refused(Reason::BodyTooLarge.into()));
        }
        self.machine.borrow_mut().set_body_limit(bytes_max);
        let waits = parts.head.expects_continue();
        let decoder =
            self.server.decompress.then(|| Decoder::wanted(&mut parts, bytes_max)).flatten();
        let intake = if plan.streamed {
            let (pipe, body) = Pipe::new(self.server.limits.piece_bytes_max, self);
            self.serve(stream, Request::new(parts, Some(body), Rc::clone(&self.server)), number);
            Intake::pass(pipe, decoder)
        } else {
            Intake::gather(parts, decoder)
        };
        // T114: unless there is an answer already, which makes the body superfluous.
        if waits && self.is_open(number) && self.machine.borrow().writing() == Writing::Owed {
            self.go_on(number, Outgoing::Interim(Status::CONTINUE));
        }
        Ok(intake)
    }

    fn end_request(
        self: &Rc<Self>,
        stream: &IoStream,
        intake: Option<Intake>,
    ) -> Result<(), BodyError> {
        let finished = intake.map(Intake::finish).transpose();
        if finished.is_err() && !self.exchange.open.get() {
            return Ok(()); // answered already; another answer would be taken for the next one's
        }
        let Some(parts) = finished?.flatten() else { return Ok(()) };
        let number = self.exchange.number.get();
        self.serve(stream, Request::new(parts, None, Rc::clone(&self.server)), number);
        Ok(())
    }

    /// Calls the service. A panic is reported with the server's line, and its client gets a 500
    /// from the responder that it drops.
    fn serve(self: &Rc<Self>, stream: &IoStream, request: Request, number: u64) {
        let responder = Responder::new(self, number);
        let (service, place) = (&self.server.service, self.server.place);
        stream.io_loop().run_guarded("request", place, || service.call(request, responder));
    }

    /// The open request is not answered yet. What the client has sent meanwhile has to wait, and
    /// so has the client.
    fn hold(&self, stream: &IoStream, input: &Input<'_>) {
        let waiting = self.life.get() != Life::Upgraded && !self.machine.borrow().must_close();
        if waiting && !input.rest().is_empty() {
            self.pause(stream);
        }
    }

    /// A client that asks and does not read would otherwise fill our memory with its answers.
    fn owes_much(&self, stream: &IoStream) -> bool {
        stream.unsent() >= UNSENT_MAX && self.machine.borrow().reading() == Reading::Head
    }

    /// T129: one connection that asks a lot must not keep the others from asking.
    fn yield_turn(self: &Rc<Self>, stream: &IoStream) {
        if self.life.get() == Life::Serving && !self.paused.get() {
            self.pause(stream);
            let connection = Rc::clone(self);
            stream.io_loop().add_callback(move || {
                connection.resume();
            });
        }
    }

    /// T121: the client is told, once, and not listened to any more.
    fn refuse(&self, stream: &IoStream, error: RemoteError) {
        let peer = stream.peer();
        log::general(Level::Info, &format!("refused a request from {peer}: {}", error.reason));
        let mut machine = self.machine.borrow_mut();
        machine.refuse();
        let answered = match machine.writing() {
            Writing::Owed => {
                let answer = Outgoing::Whole(error.status.into(), b"");
                matches!(stream.write_with(|out| machine.send(answer, out)), Ok(Ok(())))
            }
            writing => writing == Writing::Done,
        };
        drop(machine);
        self.note_status(error.status);
        if !answered {
            stream.close(); // half an answer is no answer
        }
        if self.exchange.open.get() {
            self.end_exchange(stream);
        }
    }
}
