//! Making a connection: resolve, connect, greet, authenticate; for the pool, or to have a look.
//!
//! Owns the two reasons for which a connection is made and what each outcome means. A look at the
//! server is a whole connection, so when it succeeds the pool adopts it and the operation that
//! waited need not make another. Read next: `link.rs`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::link::Link;
use super::{Engine, Event};
use crate::future::Promise;
use crate::iostream::{ConnectOptions, IoStream, StreamLimits, TcpClient};
use crate::mongo::Error;
use crate::mongo::error::ConnectFault;
use crate::net::Address;
use crate::proto::mongo::connection::Greeting;
use crate::proto::mongo::hello::HelloReply;
use crate::proto::mongo::pool::{ConnectionId, PoolState};
use crate::proto::mongo::scram;
use crate::proto::mongo::settings::Settings;
use crate::proto::mongo::topology::Fault;
use crate::proto::mongo::uri::Host;

/// The name of a connection that is not in the pool yet.
const NO_ID: ConnectionId = ConnectionId(0);

impl Engine {
    /// Makes a connection for the pool.
    pub(super) fn make(self: &Rc<Self>, id: ConnectionId) {
        let Some(io_loop) = self.home.get() else { return };
        self.tell(&Event::ConnectionCreated(id.0));
        if self.state.borrow().pool.generation_of(id).is_none() {
            return; // somebody who was told has closed the client
        }
        let engine = Rc::clone(self);
        let making = io_loop.spawn(async move {
            let outcome = engine.establish(id).await;
            engine.state.borrow_mut().making.remove(&id);
            match outcome {
                Ok((link, _)) => engine.made(id, &link),
                Err(error) => engine.not_made(id, &error),
            }
        });
        if !making.done() {
            self.state.borrow_mut().making.insert(id, making);
        }
    }

    fn made(self: &Rc<Self>, id: ConnectionId, link: &Rc<Link>) {
        self.state.borrow_mut().links.insert(id, Rc::clone(link));
        self.tell(&Event::ConnectionReady(id.0));
        self.state.borrow_mut().pool.connected(id, link.io_loop().now());
        self.carry_out();
    }

    fn not_made(self: &Rc<Self>, id: ConnectionId, error: &Error) {
        let Some(io_loop) = self.home.get() else { return };
        let fault = match error {
            Error::Authentication(_) => Fault::Authenticating,
            _ => Fault::Connecting,
        };
        let mut state = self.state.borrow_mut();
        let generation = state.pool.generation_of(id);
        state.failures.insert(id, error.clone());
        state.pool.connect_failed(id, io_loop.now());
        drop(state);
        self.carry_out(); // whoever has waited longest hears the reason
        self.state.borrow_mut().failures.remove(&id);
        self.heed_generation(fault, generation, error);
    }

    /// Looks at the server: is it there, and what is it?
    pub(super) fn look(self: &Rc<Self>) {
        let Some(io_loop) = self.home.get() else { return };
        let engine = Rc::clone(self);
        let looking = io_loop.spawn(async move {
            let outcome = engine.establish(NO_ID).await;
            engine.state.borrow_mut().looking = None;
            match outcome {
                Ok((link, hello)) => engine.seen(&link, &hello),
                Err(error) => engine.not_seen(&error),
            }
        });
        if !looking.done() {
            self.state.borrow_mut().looking = Some(looking);
        }
    }

    fn seen(self: &Rc<Self>, link: &Rc<Link>, hello: &HelloReply) {
        let now = link.io_loop().now();
        let mut state = self.state.borrow_mut();
        state.topology.check_succeeded(hello);
        let was_paused = state.pool.state() == PoolState::Paused;
        let adopted = state.pool.resume(now);
        if let Some(id) = adopted {
            link.adopted_as(id);
            state.links.insert(id, Rc::clone(link));
        }
        let selecting = std::mem::take(&mut state.selecting);
        drop(state);
        match adopted {
            Some(id) => {
                self.tell(&Event::ConnectionCreated(id.0));
                self.tell(&Event::ConnectionReady(id.0));
            }
            None => link.close(),
        }
        if was_paused {
            self.tell(&Event::PoolReady);
        }
        for promise in selecting.into_values() {
            promise.set_result_unless_cancelled(Ok(()));
        }
        self.carry_out();
    }

    /// The server is not there. Wrong credentials are another matter: looking again would not
    /// help, so whoever waits is told at once.
    fn not_seen(self: &Rc<Self>, error: &Error) {
        let mut state = self.state.borrow_mut();
        let seen = match error {
            Error::Connect { cause, .. } => cause.to_string(), // the host is named beside it
            error => error.to_string(),
        };
        state.topology.check_failed(seen);
        let cleared = state.pool.state() == PoolState::Ready;
        if cleared {
            state.pool.clear();
        }
        let told = if matches!(error, Error::Authentication(_)) {
            std::mem::take(&mut state.selecting)
        } else {
            BTreeMap::new()
        };
        if !state.selecting.is_empty() {
            state.topology.request_check();
        }
        drop(state);
        if cleared {
            self.tell(&Event::PoolCleared);
        }
        for promise in told.into_values() {
            promise.set_result_unless_cancelled(Err(error.clone()));
        }
        self.carry_out();
    }

    /// A connection, greeted and authenticated, within `connectTimeoutMS`.
    async fn establish(self: &Rc<Self>, id: ConnectionId) -> Result<(Rc<Link>, HelloReply), Error> {
        let io_loop = self.home()?.clone();
        let begun = io_loop.now();
        let stream = Unfinished(Some(self.connect().await?));
        let mut random = [0; 24];
        io_loop.random(&mut random);
        let settings = self.settings();
        let greeting = Greeting {
            app_name: settings.app_name.clone(),
            credential: settings.credential.clone(),
            nonce: scram::nonce(&random),
            connect_timeout: settings.connect_timeout.saturating_sub(io_loop.now() - begun),
            socket_timeout: settings.socket_timeout,
        };
        let promise = Promise::new();
        let greeted = promise.future();
        let link = Link::begin(self, id, stream.stream(), greeting, promise);
        let hello = greeted.await.unwrap_or(Err(Error::Closed))?;
        stream.finished();
        Ok((link, hello))
    }

    async fn connect(&self) -> Result<IoStream, Error> {
        let Settings { host, connect_timeout, .. } = self.settings();
        let failed = |cause| Error::Connect { host: host.clone(), cause };
        // What we send is bounded by the server's own limits, and what comes is taken at once.
        let limits = StreamLimits { write_buffer_max: usize::MAX, ..StreamLimits::default() };
        let stream = match host {
            Host::Tcp(name, port) => {
                let options = ConnectOptions {
                    timeout: Some(*connect_timeout),
                    limits,
                    ..Default::default()
                };
                let client = TcpClient::on(Rc::clone(&self.network.borrow()));
                let connected = client.connect(name, *port, options).await;
                connected.map_err(|error| failed(ConnectFault::Transport(Arc::new(error))))?
            }
            Host::Unix(path) => {
                let connected = IoStream::connect(Address::Unix(path.into())).await;
                connected.map_err(|error| failed(ConnectFault::Stream(error)))?
            }
        };
        let _ = stream.set_nodelay(true); // a Unix socket has no such thing
        Ok(stream)
    }
}

/// A stream whose handshake is under way: given up, it is closed.
struct Unfinished(Option<IoStream>);

impl Unfinished {
    fn stream(&self) -> &IoStream {
        self.0.as_ref().expect("taken by `finished` only")
    }

    fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(stream) = &self.0 {
            stream.close();
        }
    }
}
