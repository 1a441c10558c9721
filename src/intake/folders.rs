//! Which folders are followed: those that are named, and those that a wildcard means.

use super::trouble::Trouble;
use crate::graph;
use crate::text::like;

/// Folders of one mailbox that are followed; a subscription and a round each.
const FOLDERS_MAX: usize = 100;
/// Stands for every folder below, however deep.
const ALL_BELOW: &str = "**";

/// The folders to be followed: the named ones as they are written, then what lies there now of what the others mean. Without a call
/// where no wildcard is written.
pub(super) async fn followed(mailbox: &graph::Mailbox, written: &[String]) -> Result<Vec<String>, Trouble> {
    let (patterns, named): (Vec<&String>, Vec<&String>) = written.iter().partition(|path| is_pattern(path));
    let mut folders: Vec<String> = named.into_iter().cloned().collect();
    for pattern in patterns {
        let parts: Vec<&str> = pattern.split('/').collect();
        let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
        let depth = if parts.last() == Some(&ALL_BELOW) { None } else { Some(parts.len() - fixed) };
        for path in mailbox.folders_below(&parts[..fixed].join("/"), depth).await? {
            if means(&parts, &path) && !folders.iter().any(|known| known.eq_ignore_ascii_case(&path)) {
                folders.push(path);
            }
        }
        if folders.len() > FOLDERS_MAX {
            return Err(Trouble::TooManyFolders(folders.len(), FOLDERS_MAX));
        }
    }
    Ok(folders)
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// Whether a pattern's parts mean the folder: part by part, in any case; `**` at the end means everything below.
fn means(parts: &[&str], path: &str) -> bool {
    let folder: Vec<&str> = path.split('/').collect();
    let (parts, is_long_enough) = match parts.split_last() {
        Some((&ALL_BELOW, above)) => (above, folder.len() > above.len()),
        _ => (parts, folder.len() == parts.len()),
    };
    is_long_enough && parts.iter().zip(&folder).all(|(part, name)| like(name, part).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_a_part_and_two_stars_at_the_end_for_all_below() {
        let cases = [
            ("Posteingang/*", "posteingang/Kunden", true),
            ("Posteingang/*", "Posteingang", false),
            ("Posteingang/*", "Posteingang/Kunden/Nord", false),
            ("Inbox/**", "Inbox/Kunden/Nord", true),
            ("Inbox/**", "Inbox", false),
            ("Filiale */Входящие", "Filiale 7/входящие", true),
            ("受信*/請求?", "受信トレイ/請求書", true),
            ("A.B/*", "AxB/C", false),
        ];
        for (pattern, path, meant) in cases {
            assert_eq!(means(&pattern.split('/').collect::<Vec<_>>(), path), meant, "{pattern} {path}");
        }
    }
}
