//! A TCP relay on loopback that makes the server seem far away.
//!
//! Bytes arrive half a round trip later, each way. Loopback connects at once, so what a client sends first waits until
//! the handshake of TCP would have been over, a whole round trip after the connection was made. Bandwidth and the slow
//! start of TCP are not played.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Connections at once; more wait.
const CONNECTIONS: usize = 64;
/// Chunks on their way in one direction; more wait, as in a full window.
const CHUNKS: usize = 512;
const CHUNK: usize = 16 << 10;

/// A running relay; it ends when this is dropped.
pub struct Relay {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Relay {
    /// Listens on a free port of `host` and passes everything on to `server`.
    pub fn start(host: &str, server: &str, round_trip: Duration) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((host, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let server = server.to_owned();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("relay".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    outcome = accept(listener, server, round_trip) => {
                        if let Err(error) = outcome {
                            crate::note(&format!("relay: {error:#}"));
                        }
                    }
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The round trip that the relay really adds: timers round up.
pub fn real_round_trip(host: &str, round_trip: Duration) -> anyhow::Result<Duration> {
    let echo = std::net::TcpListener::bind((host, 0))?;
    let relay = Relay::start(host, &echo.local_addr()?.to_string(), round_trip)?;
    let mut near = std::net::TcpStream::connect(relay.address())?;
    let (mut far, _) = echo.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ping = |near: &mut std::net::TcpStream, far: &mut std::net::TcpStream| -> anyhow::Result<Duration> {
        use std::io::{Read as _, Write as _};
        let began = Instant::now();
        let mut byte = [1];
        near.write_all(&byte)?;
        far.read_exact(&mut byte)?;
        far.write_all(&byte)?;
        near.read_exact(&mut byte)?;
        Ok(began.elapsed())
    };
    // The first one also waits for the handshake that is played.
    ping(&mut near, &mut far)?;
    let mut times = (0..9).map(|_| ping(&mut near, &mut far)).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    Ok(times[times.len() / 2])
}

async fn accept(listener: std::net::TcpListener, server: String, round_trip: Duration) -> anyhow::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (near, _) = listener.accept().await?;
        let place = Arc::clone(&places).acquire_owned().await?;
        let far = TcpStream::connect(&server).await.context("the server behind the relay")?;
        let connected = tokio::time::Instant::now() + round_trip;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        tokio::spawn(async move {
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::join!(
                pass(near_read, far_write, round_trip / 2, connected),
                pass(far_read, near_write, round_trip / 2, connected)
            );
            drop(place);
        });
    }
}

/// One direction: a reader that stamps what comes with the time it is due, a writer that waits for it.
async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    not_before: tokio::time::Instant,
) {
    let (sender, mut chunks) = mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(CHUNKS);
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            match from.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => chunk.truncate(count),
            }
            let due = tokio::time::Instant::now().max(not_before) + delay;
            if sender.send((due, chunk)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
