//! The command of a user that prints a credential: run without a shell, bounded in time and in what it may print.

use super::options::TokenCommand;
use crate::BoxError;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Bytes of a credential; the longest in use, tokens with groups and claims in them, have a few KiB.
const MAX_PRINTED_BYTES: u64 = 64 << 10;

/// What `command` prints, `last` being an argument after its own: one word, without the line's end. `what` names the word in
/// messages. Blocks for `timeout` at most, also where a process that the command has left behind keeps its output open.
pub(super) fn printed(
    command: &TokenCommand,
    last: Option<&str>,
    what: &str,
    timeout: Duration,
) -> Result<String, BoxError> {
    let program = &command.program;
    let until = Instant::now() + timeout;
    let mut process = Command::new(program);
    let process = process.args(&command.arguments).args(last).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = process.spawn().map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    let output = output_of(&mut child, until);
    let status = ended(&mut child, until)?;
    let (Some(output), Some(status)) = (output, status) else {
        child.kill()?;
        child.wait()?;
        return Err(format!("`{program}` took longer than {} s", timeout.as_secs_f64()).into());
    };
    if !status.success() {
        return Err(format!("`{program}` ended with {status}").into());
    }
    let output = output?;
    let word = output.trim();
    if word.is_empty() || word.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(format!("`{program}` printed no {what}").into());
    }
    Ok(word.to_owned())
}

/// All that a process prints, by a thread of its own; `None` where it has not ended its output by `until`.
fn output_of(child: &mut Child, until: Instant) -> Option<std::io::Result<String>> {
    let Some(stdout) = child.stdout.take() else { return Some(Ok(String::new())) };
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(MAX_PRINTED_BYTES).read_to_string(&mut text);
        // Where the time is over, nobody listens.
        let _ = sender.send(read.map(|_| text));
    });
    match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(output) => Some(output),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

/// How a process ended; `None` where it has not by `until`.
fn ended(child: &mut Child, until: Instant) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, last: Option<&str>, timeout: Duration) -> Result<String, String> {
        // What follows the script is its $0 and $1.
        let arguments = ["-c", script, "sign"].map(str::to_owned).to_vec();
        let command = TokenCommand { program: "sh".to_owned(), arguments };
        printed(&command, last, "address", timeout).map_err(|error| error.to_string())
    }

    #[test]
    fn one_word_is_taken_and_anything_else_refused() {
        let ample = Duration::from_secs(20);
        assert_eq!(run("echo \"$1?signature=1\"", Some("https://a/b"), ample).unwrap(), "https://a/b?signature=1");
        assert!(run("echo two words", None, ample).unwrap_err().contains("printed no address"));
        assert!(run("true", None, ample).unwrap_err().contains("printed no address"));
        assert!(run("echo word; exit 3", None, ample).unwrap_err().contains("ended with"));
    }

    #[test]
    fn a_command_that_does_not_end_is_given_up() {
        for script in ["sleep 5", "sleep 5 & echo word", "yes"] {
            let begun = Instant::now();
            let error = run(script, None, Duration::from_millis(200)).unwrap_err();
            // What prints without end is cut off, of which it dies.
            assert!(error.contains("took longer") || error.contains("ended with"), "{script}: {error}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{script}");
        }
    }
}
