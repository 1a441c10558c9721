//! Folder paths as rules write them.

use crate::text::like;

/// Characters of a path.
const PATH_CHARS_MAX: usize = 400;
/// Folders in each other (Exchange allows 300; nobody means more than a few).
const DEPTH_MAX: usize = 20;

/// A folder path that makes sense and is allowed; empty `allowed` allows all.
pub(super) fn checked(path: &str, allowed: &[String]) -> Result<String, String> {
    let fits = !path.is_empty()
        && path.chars().count() <= PATH_CHARS_MAX
        && path.split('/').count() <= DEPTH_MAX
        && path.split('/').all(|part| !part.is_empty() && part.trim() == part && part != "." && part != "..")
        && !path.chars().any(char::is_control);
    if !fits {
        return Err(format!("`{path}` is not a folder path; write it like `Processed/Invoices`"));
    }
    let is_allowed = allowed.is_empty() || allowed.iter().any(|glob| like(path, glob).unwrap_or(false));
    if is_allowed {
        Ok(path.to_owned())
    } else {
        Err(format!("the folder `{path}` is not allowed; allowed are: {}", allowed.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_makes_sense_and_is_allowed() {
        assert_eq!(checked("Processed/Invoices", &[]), Ok("Processed/Invoices".to_owned()));
        for nonsense in ["", "/Inbox", "A//B", "A/", " A", "A/../B", "A\nB"] {
            assert!(checked(nonsense, &[]).is_err(), "{nonsense:?}");
        }
        let allowed = ["Processed/*".to_owned()];
        assert_eq!(checked("processed/x", &allowed), Ok("processed/x".to_owned()));
        assert_eq!(checked("Archive", &allowed), Err("the folder `Archive` is not allowed; allowed are: Processed/*".to_owned()));
    }
}
