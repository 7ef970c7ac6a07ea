//! What the demo prints: numbered steps, the commands as a user would type them, and seconds.

use std::time::Instant;

use crate::Outcome;

/// Prints steps and counts them.
#[derive(Debug)]
pub struct Report {
    start: Instant,
    steps: usize,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            steps: 0,
        }
    }
}

impl Report {
    /// Does a step: prints its title, then how long it took.
    ///
    /// # Errors
    /// The step's own.
    pub async fn step<T>(&mut self, title: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.steps += 1;
        println!("\n=== {}. {title}", self.steps);
        let start = Instant::now();
        let result = work.await?;
        println!("    done in {:.1} s", start.elapsed().as_secs_f64());
        Ok(result)
    }

    /// Says how long everything took.
    pub fn end(&self) {
        println!(
            "\nAll {} steps seen to be true in {:.0} s.",
            self.steps,
            self.start.elapsed().as_secs_f64()
        );
    }
}

/// Prints a command as the user would type it.
pub fn command(text: &str) {
    println!("  $ {text}");
}

/// Prints text, each line indented.
pub fn quote(text: &str) {
    for line in text.trim_end().lines() {
        println!("    {line}");
    }
}

/// Prints a fact that was measured.
pub fn fact(text: &str) {
    println!("    {text}");
}
