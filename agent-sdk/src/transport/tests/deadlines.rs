//! Flush and shutdown are back by their deadlines, whatever is on the other side, from anywhere.

use super::collector::{Collector, Mood};
use super::*;

/// A listener nobody accepts from: half-open for who connects.
fn half_open() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("bound");
    (listener, at)
}

fn back_in_time(what: &str, at: SocketAddr, protocol: Protocol) {
    let mut to = http(at).expect("an endpoint");
    to.protocol = protocol;
    if protocol == Protocol::Grpc {
        to.url = format!("http://{at}");
    }
    let t = start(Settings { traces: Some(to), ..Settings::default() });
    for i in 0..20 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    for (name, deadline) in [("flush", 200), ("stop", 400)] {
        let began = Instant::now();
        let limit = Duration::from_millis(deadline);
        if name == "flush" {
            assert!(!t.flush(limit), "{what}: it cannot be done");
        } else {
            t.stop(limit);
        }
        let took = began.elapsed();
        assert!(took < limit + Duration::from_millis(300), "{what}, {name}: {took:?}");
    }
    until("the thread has counted", || t.delivery().on_the_way() == 0);
    settled(&t.delivery());
    assert_eq!(t.delivery().dropped(), 200, "{what}");
}

#[tokio::test(flavor = "current_thread")]
async fn from_a_task_of_a_current_thread_runtime() {
    let (listener, at) = half_open();
    back_in_time("half-open", at, Protocol::HttpProtobuf);
    back_in_time("half-open", at, Protocol::Grpc);
    drop(listener);
    back_in_time("dead", at, Protocol::HttpProtobuf);
    let silent = Collector::start(Mood::Silent);
    back_in_time("silent", silent.at, Protocol::HttpProtobuf);
    let dripping = Collector::start(Mood::Dripping);
    back_in_time("dripping", dripping.at, Protocol::HttpProtobuf);
}

#[test]
fn a_redis_that_does_not_answer() {
    let (_listener, at) = half_open();
    let t = start(Settings { redis: redis(at.port()), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    let began = Instant::now();
    assert!(!t.flush(Duration::from_millis(200)));
    t.stop(Duration::from_millis(400));
    assert!(began.elapsed() < Duration::from_millis(1_200), "{:?}", began.elapsed());
    until("the thread has counted", || t.delivery().on_the_way() == 0);
    assert_eq!(t.delivery().dropped(), 10);
}

#[test]
fn from_a_panic_hook() {
    let (_listener, at) = half_open();
    let t = start(Settings { traces: http(at), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    let (tell, told) = std::sync::mpsc::channel();
    let began = Instant::now();
    let inside = t.clone();
    let thread = std::thread::spawn(move || {
        // A guard's drop while unwinding is where a hook or a destructor would flush.
        struct Flush(Transport, std::sync::mpsc::Sender<bool>);
        impl Drop for Flush {
            fn drop(&mut self) {
                self.1.send(self.0.flush(Duration::from_millis(200))).expect("heard");
            }
        }
        let _flush = Flush(inside, tell);
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(thread.join().is_err());
    assert_eq!(told.recv(), Ok(false));
    assert!(began.elapsed() < Duration::from_secs(2));
    t.stop(Duration::from_millis(100));
}
