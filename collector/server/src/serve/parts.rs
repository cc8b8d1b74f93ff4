//! A long answer in parts: written by a thread of its own, sent as fast as the reader reads.
//!
//! At most [`WAITING`] parts are held. A reader that takes nothing for [`PATIENCE`] is given up, and an
//! answer that was not finished ends in an error, never as if it were whole. What the parts hold is not
//! known here.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Bytes of a part: little beside an answer, much beside a system call, and below what the allocator
/// takes from the system each time anew.
pub const PART: usize = 64 << 10;
/// Parts between writer and reader.
const WAITING: usize = 2;
/// A reader may take this long over a part.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where parts go. `None` ends the answer.
pub struct Parts(Sender<Option<Bytes>>);

impl Parts {
    /// Sends a part; `false` when nobody reads any more.
    pub fn send(&self, part: String) -> bool {
        self.put(Some(part.into()))
    }

    fn put(&self, part: Option<Bytes>) -> bool {
        let sent = Handle::current().block_on(timeout(PATIENCE, self.0.send(part)));
        matches!(sent, Ok(Ok(())))
    }
}

/// The body that `write` writes, on a thread where it may take its time. It says whether it wrote all.
pub fn body(write: impl FnOnce(&Parts) -> bool + Send + 'static) -> Body {
    let (sender, receiver) = channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let parts = Parts(sender);
        if write(&parts) {
            parts.put(None);
        }
    });
    Body::new(Reading(Some(receiver)))
}

/// `None` at its end.
struct Reading(Option<Receiver<Option<Bytes>>>);

impl hyper::body::Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(receiver) = &mut self.0 else { return Poll::Ready(None) };
        Poll::Ready(match ready!(receiver.poll_recv(cx)) {
            Some(Some(part)) => Some(Ok(Frame::data(part))),
            Some(None) => {
                self.0 = None;
                None
            }
            None => {
                self.0 = None;
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer was not finished")))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn parts_come_in_order_and_end() {
        let body = body(|parts| (0..10).all(|n| parts.send(format!("{n},"))));
        let all = body.collect().await.expect("whole").to_bytes();
        assert_eq!(&all[..], b"0,1,2,3,4,5,6,7,8,9,");
    }

    #[tokio::test]
    async fn what_is_not_finished_is_no_answer() {
        let body = body(|parts| {
            parts.send("a part".to_owned());
            false
        });
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn nobody_reads_nobody_writes() {
        let (told, tells) = std::sync::mpsc::channel();
        let body = body(move |parts| {
            let went = (0..100).take_while(|_| parts.send("x".to_owned())).count();
            told.send(went).is_ok()
        });
        drop(body);
        let went = tokio::task::spawn_blocking(move || tells.recv()).await.expect("a thread");
        assert!(went.expect("told") <= WAITING);
    }
}
