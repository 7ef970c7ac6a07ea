//! Certificate and key in files, such as cert-manager's Secret mounted as a volume.
//!
//! The files are read again and again and compared byte by byte. Watching them would not do: kubelet swaps a Secret
//! volume by renaming a symlink (`..data`), which a watch on the files sees once, if at all, and then never again.

use std::path::PathBuf;
use std::time::Duration;

use crate::current::Current;
use crate::error::CertError;
use crate::pem;

/// How often the files are read. kubelet itself takes up to a minute to bring a new Secret into a volume.
pub const POLL_EVERY: Duration = Duration::from_secs(2);

/// Follows certificate and key in files.
#[derive(Clone, Debug)]
pub struct FileSource {
    certificate: PathBuf,
    key: PathBuf,
    authority: Option<PathBuf>,
    current: Current,
    poll_every: Duration,
}

/// Bytes of the files, to tell whether they changed.
#[derive(Clone, Default, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Option<Vec<u8>>,
}

impl FileSource {
    /// The source that puts chain and key of these files into `current`. `authority` holds the CAs to trust them by,
    /// where that is known.
    #[must_use]
    pub fn new(certificate: PathBuf, key: PathBuf, authority: Option<PathBuf>, current: Current) -> Self {
        Self {
            certificate,
            key,
            authority,
            current,
            poll_every: POLL_EVERY,
        }
    }

    /// Another period than [`POLL_EVERY`].
    #[must_use]
    pub fn poll_every(mut self, period: Duration) -> Self {
        self.poll_every = period;
        self
    }

    /// Reads the files once and puts them into use.
    ///
    /// # Errors
    /// When a file cannot be read or holds no certificate or key, or when the two do not belong together.
    pub fn load(&self) -> Result<(), CertError> {
        let contents = self.read()?;
        self.apply(&contents)
    }

    /// Follows the files for ever. A bad pair is told and the last good one served on; an error does not add up to
    /// anything over time. Never ends.
    pub async fn run(self) {
        let mut applied = Contents::default();
        let mut ticks = tokio::time::interval(self.poll_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.read() {
                Ok(contents) if contents == applied => self.current.clear_problem(),
                Ok(contents) => match self.apply(&contents) {
                    Ok(()) => applied = contents,
                    // A key may arrive an instant before its certificate; the next look decides.
                    Err(error) => self.current.set_problem(&error),
                },
                Err(error) => self.current.set_problem(&error),
            }
        }
    }

    fn read(&self) -> Result<Contents, CertError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| CertError::Read {
                path: path.clone(),
                source,
            })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            authority: self.authority.as_ref().map(read).transpose()?,
        })
    }

    fn apply(&self, contents: &Contents) -> Result<(), CertError> {
        let origin = format!("{} and {}", self.certificate.display(), self.key.display());
        let serving = pem::serving(&contents.certificate, &contents.key, &origin)?;
        let same = self
            .current
            .view()
            .serving
            .is_some_and(|present| present.leaf() == serving.leaf());
        if !same {
            tracing::info!(
                "serving with the certificate of {origin}, valid until {}",
                serving.not_after
            );
        }
        self.current.set(serving, contents.authority.clone());
        Ok(())
    }
}
