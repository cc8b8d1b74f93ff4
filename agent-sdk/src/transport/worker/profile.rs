//! Sending a profile that a collector asked for: beside the requests, not one of them; three tries, then the order is
//! reported as refused. It is never kept on disk.

use super::super::Outcome;
use super::super::account::tame;
use super::super::control::Watch;
use super::Worker;
use std::time::{Duration, Instant};

/// Tries of one profile.
const TRIES: u32 = 3;
/// Between two.
const PAUSE: Duration = Duration::from_secs(2);

impl Worker {
    /// Sends what was taken, if anything was. The end of the program does not wait for it.
    pub(super) async fn put_profile(&mut self, watch: &Watch) {
        let Some(remote) = self.remote.clone() else { return };
        let Some(endpoint) = self.traces.as_ref().or(self.metrics.as_ref()) else { return };
        let Some(mut ready) = remote.ready(Instant::now()) else { return };
        let sent = tokio::select! {
            biased;
            sent = endpoint.road.put_profile(&ready, &remote) => sent,
            () = watch.over() => return,
        };
        match sent {
            Outcome::Taken { .. } => {}
            Outcome::Later { why, asked, .. } if ready.tries + 1 < TRIES => {
                self.voice.once("profile", || format!("a profile was not taken: {}", tame(&why)));
                ready.tries += 1;
                ready.next = Instant::now() + asked.unwrap_or(PAUSE).min(8 * PAUSE);
                remote.again(ready);
            }
            Outcome::Later { why, .. } | Outcome::Refused(why) => {
                remote.report(ready.id, Some(format!("it could not be sent: {}", tame(&why))));
            }
            _ => remote.report(ready.id, Some("it could not be sent".to_owned())),
        }
    }
}
