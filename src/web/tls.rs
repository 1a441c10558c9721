//! Our own TLS: a certificate and a key from files, read anew when they change; without them plain http.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::{Clock, Stopwatch};

/// How long a client may take to agree on encryption.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way; whoever comes then waits for one of them.
const HANDSHAKES_MAX: usize = 256;
/// How often the files are looked at: certificates are renewed weeks before they end.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// A certificate and its key, as they stand in their files.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: TlsAcceptor,
    read: [Vec<u8>; 2],
    clock: Clock,
    looked: Stopwatch,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("[web] tls cannot be used: {0}")]
pub struct TlsError(String);

impl Tls {
    /// Reads the chain, our own certificate first, and its private key, both in PEM.
    ///
    /// # Errors
    /// A file that cannot be read or used, by name.
    pub fn read(certificate: PathBuf, key: PathBuf, clock: Clock) -> Result<Self, TlsError> {
        let read = [&certificate, &key].map(std::fs::read);
        let [chain, private] = read.map(|file| file.map_err(|error| TlsError(format!("a file cannot be read: {error}"))));
        let read = [chain?, private?];
        let acceptor =
            acceptor(&read).map_err(|why| TlsError(format!("{} with {}: {why}", certificate.display(), key.display())))?;
        let looked = clock.stopwatch();
        Ok(Self { certificate, key, acceptor, read, clock, looked })
    }

    /// What connections are accepted with now.
    fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK_EVERY {
            match Self::read(self.certificate.clone(), self.key.clone(), self.clock.clone()) {
                Ok(anew) => {
                    if anew.read != self.read {
                        tracing::info!(certificate = %self.certificate.display(), "the certificate was read anew");
                    }
                    *self = anew;
                }
                // Files are exchanged one after the other: what was read before serves until they fit.
                Err(error) => {
                    tracing::warn!(%error, "the certificate that was read before serves on");
                    self.looked = self.clock.stopwatch();
                }
            }
        }
        self.acceptor.clone()
    }
}

fn acceptor([chain, key]: &[Vec<u8>; 2]) -> Result<TlsAcceptor, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts connections, in the clear or encrypted.
pub(super) struct Door {
    listener: TcpListener,
    tls: Option<Tls>,
    handshakes: FuturesUnordered<Handshake>,
}

type Handshake = Pin<Box<dyn Future<Output = Option<(Wire, SocketAddr)>> + Send>>;

impl Door {
    pub fn new(listener: TcpListener, tls: Option<Tls>) -> Self {
        Self { listener, tls, handshakes: FuturesUnordered::new() }
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                biased;
                Some(ready) = self.handshakes.next() => {
                    if let Some(ready) = ready {
                        return ready;
                    }
                }
                (stream, address) = Listener::accept(&mut self.listener), if self.handshakes.len() < HANDSHAKES_MAX => {
                    let Some(tls) = &mut self.tls else { return (Wire::Clear(stream), address) };
                    let handshake = tls.acceptor().accept(stream);
                    // A client that does not trust us, or says nothing, goes its way. Its time is the network's, not the engine's clock's.
                    self.handshakes.push(Box::pin(async move {
                        let encrypted = tokio::time::timeout(HANDSHAKE_MAX, handshake).await.ok()?.ok()?;
                        Some((Wire::Encrypted(Box::new(encrypted)), address))
                    }));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection in the clear or encrypted.
pub(super) enum Wire {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
