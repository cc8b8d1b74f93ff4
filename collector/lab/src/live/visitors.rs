//! The customers: a steady open-loop load on the frontend. A slow shop does not make them come more
//! slowly.

use super::store::{customer, sku};
use super::{Book, Role};
use crate::rng::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Requests under way at a time; beyond it customers are turned away and counted.
const PATIENCE: u64 = 400;

/// How the customers fared.
#[derive(Debug, Default)]
pub struct Visitors {
    /// Answered with success.
    pub served: AtomicU64,
    /// Answered with an error.
    pub failed: AtomicU64,
    /// Not answered, or not let in because too many were waiting.
    pub lost: AtomicU64,
    open: AtomicU64,
    /// Times the usual demand, less one.
    surge: AtomicU64,
}

impl Visitors {
    /// From now on so many times as many come.
    pub fn surge(&self, times: u64) {
        self.surge.store(times.saturating_sub(1), Ordering::Relaxed);
    }

    /// Sends `rate` requests a second for as long as it is polled.
    pub async fn come(self: Arc<Self>, book: Arc<Book>, rate: f64, seed: u64) {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build();
        let Ok(client) = client else { return };
        let mut rng = Rng::new(seed);
        let mut next = Instant::now();
        loop {
            let rate = rate * (1 + self.surge.load(Ordering::Relaxed)) as f64;
            next += Duration::from_secs_f64(rng.exponential(1.0 / rate).min(1.0));
            tokio::time::sleep_until(next).await;
            let (dice, number) = (rng.unit(), rng.next());
            if self.open.load(Ordering::Relaxed) >= PATIENCE {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let Ok(at) = book.find(Role::Frontend) else { continue };
            let request = if dice < 0.45 {
                client.get(format!("http://{at}/products/{}", sku(number)))
            } else if dice < 0.75 {
                client.get(format!("http://{at}/orders/{}", customer(number)))
            } else {
                client.post(format!("http://{at}/checkout/{}", customer(number)))
            };
            let us = Arc::clone(&self);
            us.open.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let counter = match request.send().await {
                    Ok(answer) if answer.status().is_success() => &us.served,
                    Ok(_) => &us.failed,
                    Err(_) => &us.lost,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                us.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}
