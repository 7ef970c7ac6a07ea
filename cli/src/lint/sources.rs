//! Which files are linted.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Standard input as an argument.
const STDIN: &str = "-";
/// What standard input is called in the output.
pub const STDIN_NAME: &str = "stdin";
/// Ends of names that are linted in folders.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// File or folder.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What there is to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Files, in the order of the arguments; those of a folder by name.
    pub files: Vec<PathBuf>,
    /// Folders that were passed over because they hold templates.
    pub templates: Vec<PathBuf>,
    /// What could not be opened.
    pub unreadable: Vec<Unreadable>,
}

impl Sources {
    /// Files are taken as they are; of folders those with the right ending, with everything below.
    pub fn find(arguments: &[PathBuf]) -> Self {
        let mut sources = Self::default();
        for path in arguments {
            if path == Path::new(STDIN) || !path.is_dir() {
                sources.files.push(path.clone());
            } else {
                sources.walk(path);
            }
        }
        sources
    }

    fn walk(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.fail(folder, &error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let is_chart = entries.iter().any(|entry| entry.file_name() == "Chart.yaml");
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_chart && name == "templates" {
                    self.templates.push(path);
                } else if !name.starts_with('.') {
                    self.walk(&path);
                }
            } else if path.is_file()
                && ENDINGS
                    .iter()
                    .any(|ending| path.extension().is_some_and(|e| e == *ending))
            {
                self.files.push(path);
            }
        }
    }

    fn fail(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push(Unreadable {
            path: path.display().to_string(),
            reason: format!("cannot be read: {error}"),
        });
    }
}

/// The text of `path`, and what it is called.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<(String, String), Unreadable> {
    let (name, text) = if path == Path::new(STDIN) {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        (STDIN_NAME.to_owned(), read.map(|_| text))
    } else {
        (path.display().to_string(), fs::read_to_string(path))
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(Unreadable {
            path: name,
            reason: format!("cannot be read: {error}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "b.yaml",
            "a.yml",
            "sub/c.json",
            "sub/notes.txt",
            ".git/d.yaml",
            "chart/Chart.yaml",
            "chart/templates/e.yaml",
            "templates/f.yaml",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("sub/loop")).unwrap();
        std::os::unix::fs::symlink(root.join("b.yaml"), root.join("sub/link.yaml")).unwrap();
        let explicit = root.join("sub/notes.txt");
        let sources = Sources::find(&[root.to_owned(), explicit, "-".into(), root.join("none")]);
        let names: Vec<_> = sources
            .files
            .iter()
            .map(|path| path.strip_prefix(root).unwrap_or(path).to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "a.yml",
                "b.yaml",
                "chart/Chart.yaml",
                "sub/c.json",
                "sub/link.yaml",
                "templates/f.yaml",
                "sub/notes.txt",
                "-",
                "none"
            ]
        );
        assert_eq!(sources.templates, [root.join("chart/templates")]);
        assert_eq!(sources.unreadable, []);
    }

    #[test]
    fn what_is_not_there_cannot_be_read() {
        let error = read(Path::new("/nonexistent/a.yaml")).unwrap_err();
        assert_eq!(error.path, "/nonexistent/a.yaml");
        assert!(error.reason.starts_with("cannot be read: No such file"), "{error:?}");
    }
}
