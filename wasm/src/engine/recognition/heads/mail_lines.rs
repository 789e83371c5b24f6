//! What SMTP says of a mail, line by line.

use super::{Progress, Sighting, phase, without_body};
use crate::detect::text_message::number;
use crate::matching::contents::Content;

impl Sighting {
    /// Lines of an SMTP client: the commands with addresses, and the header fields of its mails, which come behind DATA,
    /// or in the chunks of BDAT (RFC 3030).
    pub(super) fn take_mail(&mut self, bytes: &[u8], progress: &mut Progress) -> usize {
        let mut rest = bytes;
        loop {
            let taken = match (*progress.phase, *progress.body) {
                (phase::CHUNKED_BODY, 1..) => {
                    let after = without_body(rest, progress.body);
                    Some(rest.len() - after.len())
                }
                (phase::CHUNKED_HEADER, 1..) => {
                    let chunk = rest.get(..*progress.body as usize);
                    let taken = self.take_mail_header(chunk.unwrap_or(rest), chunk.is_some(), progress);
                    *progress.body = progress.body.saturating_sub(taken.unwrap_or(0) as u32);
                    taken
                }
                (phase::HEADER, _) => self.take_mail_header(rest, false, progress),
                _ => self.take_mail_line(rest, progress),
            };
            match taken {
                Some(length @ 1..) => rest = rest.get(length..).unwrap_or_default(),
                _ => return bytes.len() - rest.len(),
            }
        }
    }

    /// A header field of a mail, folded or not, or the line that ends the header; none where its end is still to come.
    /// `is_all`: nothing of the header follows `bytes`.
    fn take_mail_header(&mut self, bytes: &[u8], is_all: bool, progress: &mut Progress) -> Option<usize> {
        let end_from = |start: usize| {
            let at = memchr::memchr(b'\n', bytes.get(start..)?);
            at.map(|at| start + at + 1).or(is_all.then_some(bytes.len()))
        };
        let mut end = end_from(0)?;
        let is_chunked = *progress.phase == phase::CHUNKED_HEADER;
        let line = bytes.get(..end)?;
        match line.trim_ascii_end() {
            b"" => *progress.phase = if is_chunked { phase::CHUNKED_BODY } else { phase::BODY },
            b"." if !is_chunked => *progress.phase = phase::COMMANDS,
            // No header field has such a name: DATA was refused.
            text if !is_chunked && (begins(text, b"MAIL FROM:") || begins(text, b"RCPT TO:")) => {
                *progress.phase = phase::COMMANDS;
                self.add(Content::Mail, line);
            }
            _ => {
                // The next line may go on with it.
                loop {
                    match bytes.get(end) {
                        Some(b' ' | b'\t') => end = end_from(end)?,
                        None if !is_all => return None,
                        _ => break,
                    }
                }
                self.add(Content::Mail, bytes.get(..end)?);
            }
        }
        Some(end)
    }

    /// A command, or a line of the body behind DATA.
    fn take_mail_line(&mut self, bytes: &[u8], progress: &mut Progress) -> Option<usize> {
        let end = memchr::memchr(b'\n', bytes)? + 1;
        let line = bytes.get(..end)?;
        let text = line.trim_ascii_end();
        let phase = &mut *progress.phase;
        if *phase == phase::BODY {
            if text == b"." {
                *phase = phase::COMMANDS;
            }
        } else if begins(text, b"MAIL FROM:") || begins(text, b"RCPT TO:") {
            if begins(text, b"MAIL") {
                *phase = phase::COMMANDS;
            }
            self.add(Content::Mail, line);
        } else if text.eq_ignore_ascii_case(b"DATA") {
            *phase = phase::HEADER;
        } else if begins(text, b"BDAT ") {
            let size = text.get(5..).unwrap_or_default().trim_ascii_start();
            *progress.body =
                number(size.split(|octet| *octet == b' ').next().unwrap_or_default()).unwrap_or(0);
            if *phase == phase::COMMANDS {
                *phase = phase::CHUNKED_HEADER;
            }
        }
        Some(end)
    }
}

fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_taken;
    use super::*;

    #[test]
    fn mail_in_chunks() {
        let stream = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 14\r\nSubject: x\r\n yBDAT 27 LAST\r\n z\r\nTo: e@f\r\n\r\nMAIL FROM:<>MAIL FROM:<g@h>\r\nBDAT 8 LAST\r\nTo:i@j\r\nMAIL FROM:<>\r\n";
        let expected = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nSubject: x\r\n y z\r\nTo: e@f\r\nMAIL FROM:<g@h>\r\nTo:i@j\r\nMAIL FROM:<>\r\n";
        assert_taken(Content::Mail, stream, expected);
    }

    #[test]
    fn mail_that_was_refused_is_no_header() {
        let stream =
            b"MAIL FROM:<a@b>\r\nDATA\r\nRSET\r\nMAIL FROM:<c@d>\r\nDATA\r\nTo: e@f\r\n\r\nTo: g@h\r\n.\r\n";
        let expected = b"MAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<c@d>\r\nTo: e@f\r\n";
        assert_taken(Content::Mail, stream, expected);
    }
}
