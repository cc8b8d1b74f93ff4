//! What a collector asks of this process, beside the requests: hearing it by Redis, and sending a profile that was asked
//! for, in three tries; then the order is reported as refused. It is never kept on disk.

use super::super::Outcome;
use super::super::account::tame;
use super::super::control::Watch;
use super::super::remote::{Ready, Remote, Way};
use super::Worker;
use longpole_proto::order::Report;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tries of one profile.
const TRIES: u32 = 3;
/// Between two.
const PAUSE: Duration = Duration::from_secs(2);
/// Who takes orders by Redis says so this often.
const PACE: Duration = Duration::from_secs(3);
/// And this often while nobody answers.
const PATIENCE: Duration = Duration::from_secs(15);

impl Worker {
    /// Says by Redis that orders are taken, where that is due, and follows what is asked. The end of the program does
    /// not wait for it.
    pub(super) async fn exchange(&mut self, watch: &Watch) {
        let (Some(remote), Some(redis)) = (&self.remote, &mut self.redis) else { return };
        let now = Instant::now();
        if self.next_exchange.is_some_and(|next| next > now) {
            return;
        }
        if self.redis_health.failures() > 0 {
            // Spans try it first.
            self.next_exchange = Some(now + PACE);
            return;
        }
        let report = remote.untold(Way::Redis);
        let done = tokio::select! {
            biased;
            done = redis.exchange(remote.taker(), report.as_deref()) => done,
            () = watch.over() => return,
        };
        let pause = match done {
            Ok(orders) => {
                if report.is_some() {
                    remote.told(Way::Redis);
                }
                let now = Instant::now();
                orders.iter().for_each(|order| remote.asked(Way::Redis, order, now));
                // What became of them is told soon.
                if remote.untold(Way::Redis).is_some() { Duration::from_millis(100) } else { PACE }
            }
            Err(why) => {
                let to = redis.shown();
                self.voice.once("orders", || {
                    format!("{to}: orders of a collector cannot be heard ({})", tame(&why))
                });
                PATIENCE
            }
        };
        self.next_exchange = Some(Instant::now() + pause);
    }

    /// Sends what was taken, if anything was. The end of the program does not wait for it.
    pub(super) async fn put_profile(&mut self, watch: &Watch) {
        let Some(remote) = self.remote.clone() else { return };
        let Some(mut ready) = remote.ready(Instant::now()) else { return };
        let sent = tokio::select! {
            biased;
            sent = self.put(&ready, &remote) => sent,
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
                let why = format!("it could not be sent: {}", tame(&why));
                remote.report(ready.way, ready.id, Some(why));
            }
            _ => remote.report(ready.way, ready.id, Some("it could not be sent".to_owned())),
        }
    }

    /// On the road by which it was asked for.
    async fn put(&mut self, ready: &Ready, remote: &Arc<Remote>) -> Outcome {
        match (ready.way, &mut self.redis, self.traces.as_ref().or(self.metrics.as_ref())) {
            (Way::Redis, Some(redis), _) => {
                let report = Report { id: ready.id, refused: None }.write();
                redis.put_profile(remote.taker(), &report, &ready.packed).await
            }
            (_, _, Some(endpoint)) => endpoint.road.put_profile(ready, remote).await,
            _ => Outcome::Refused("there is no way to a collector".to_owned()),
        }
    }
}
