//! The two tables of the connection: how far the peer's message is, and how far our answer is.
//!
//! Owns every legal transition; what is not in a table cannot happen and is a named error instead.
//! The halves move independently, which is all there is to pipelining and early answers.
//! Read next: `connection.rs`, the only one who moves them.

/// The peer's half: how far the request has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Between requests, or within a head.
    Head,
    /// Within a body, which may be empty.
    Body,
    /// The request is complete; its successor waits until it is answered (T129).
    Done,
    /// Nothing more will be read: the peer broke the rules, was too slow, or has closed.
    Closed,
}

/// What was seen of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Request,
    EndOfMessage,
    NextTurn,
    Close,
}

impl Reading {
    pub(super) fn after(self, seen: Seen) -> Self {
        match (self, seen) {
            (Self::Head, Seen::Request) => Self::Body,
            (Self::Body, Seen::EndOfMessage) => Self::Done,
            (Self::Done, Seen::NextTurn) => Self::Head,
            (_, Seen::Close) => Self::Closed,
            (state, seen) => unreachable!("{seen:?} is never seen in {state:?}"),
        }
    }
}

/// Our half: how far the answer has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// No request, so nothing to answer.
    Idle,
    /// An answer is owed and nothing of it was written but interim ones.
    Owed,
    /// The head is out, the body is not.
    Body,
    /// All is out. The connection goes on to the next request, or must close.
    Done,
    /// `101`: the connection speaks something else from here on.
    Upgraded,
    /// A bug on our side left a broken answer on the wire: only closing tells the peer.
    Broken,
}

/// What is said to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A request came, or a fault that deserves an answer.
    Debt,
    Interim,
    Upgrade,
    Head,
    Whole,
    Data,
    End,
    NextTurn,
    Nonsense,
}

impl Writing {
    /// `None`: that cannot be said in this state.
    pub(super) fn after(self, said: Said) -> Option<Self> {
        Some(match (self, said) {
            (Self::Idle, Said::Debt) => Self::Owed,
            (Self::Owed, Said::Interim) => Self::Owed,
            (Self::Owed, Said::Upgrade) => Self::Upgraded,
            (Self::Owed, Said::Head) => Self::Body,
            (Self::Owed, Said::Whole) => Self::Done,
            (Self::Body, Said::Data) => Self::Body,
            (Self::Body, Said::End) => Self::Done,
            (Self::Done, Said::NextTurn) => Self::Idle,
            (_, Said::Nonsense) => Self::Broken,
            _ => return None,
        })
    }
}
