//! A connection to a webhook: TLS and HTTP/1.1 with blocking sockets, which keep time better than timers of a runtime.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::failure::{Failure, Outcome};

/// No answer takes longer than this.
const LIMIT: Duration = Duration::from_secs(30);

/// A webhook.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    name: ServerName<'static>,
    head: String,
    tls: Arc<ClientConfig>,
}

impl Target {
    /// The webhook at `address`, called `host`, asked at `path`. `authorities` is PEM.
    pub fn new(address: SocketAddr, host: &str, path: &str, authorities: &[u8]) -> Outcome<Self> {
        let failed = |e: &dyn std::fmt::Display| Failure(format!("{host}: {e}"));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate = certificate.map_err(|e| failed(&e))?;
            roots.add(certificate).map_err(|e| failed(&e))?;
        }
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // As the API server does it: every new connection is a full handshake.
        tls.resumption = Resumption::disabled();
        Ok(Self {
            address,
            name: ServerName::try_from(host.to_owned()).map_err(|e| failed(&e))?,
            head: format!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\ncontent-type: application/json\r\n"
            ),
            tls: Arc::new(tls),
        })
    }

    /// The bytes of a request with this body.
    pub fn request(&self, body: &str) -> Vec<u8> {
        format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len()).into_bytes()
    }

    /// A new connection.
    pub fn connect(&self) -> Outcome<Connection> {
        let stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let session = ClientConnection::new(Arc::clone(&self.tls), self.name.clone())
            .map_err(|e| Failure(format!("TLS: {e}")))?;
        Ok(Connection {
            stream: StreamOwned::new(session, stream),
            buffer: vec![0; 16 * 1024],
        })
    }
}

/// A connection.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends `request` and reads the answer, which has to allow.
    pub fn ask(&mut self, request: &[u8]) -> Outcome {
        self.stream.write_all(request)?;
        self.stream.flush()?;
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(Failure::new("the webhook closed the connection without an answer"));
            }
            filled += read;
            let answer = &self.buffer[..filled];
            if let Some(body) = complete(answer)? {
                return if answer.starts_with(b"HTTP/1.1 200") && contains(body, b"\"allowed\":true") {
                    Ok(())
                } else {
                    Err(Failure(format!(
                        "another answer than allowed: {}",
                        String::from_utf8_lossy(answer)
                    )))
                };
            }
        }
    }
}

/// The body, once all of the answer is there.
fn complete(answer: &[u8]) -> Outcome<Option<&[u8]>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let body = &answer[end + 4..];
    if head.contains("transfer-encoding: chunked") {
        // Answers are small; the last chunk ends them.
        return Ok(body.ends_with(b"0\r\n\r\n").then_some(body));
    }
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| Failure(format!("an answer without a length: {head}")))?;
    Ok((body.len() >= length).then(|| &body[..length]))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
