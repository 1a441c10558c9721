//! The limits of one run. Each error that comes of one says which limit it was.

/// Steps of script code for one message, over all rules.
pub const OPERATIONS_MAX: u64 = 1_000_000;
/// Bytes a run may hold beyond what it began with.
pub const MEMORY_BYTES_MAX: i64 = 64 << 20;
/// Functions calling functions.
pub const CALL_DEPTH_MAX: usize = 64;
/// Brackets and blocks within each other at file level.
pub const NESTING_MAX: usize = 64;
/// Brackets and blocks within each other inside a function.
pub const FUNCTION_NESTING_MAX: usize = 32;
/// Bytes of a text, counting all texts inside one list or map.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Entries of a list, counting the lists inside it.
pub const LIST_ENTRIES_MAX: usize = 4_000;
/// Entries of a map, counting the maps inside a list or map: 2,000 records of ten fields for one `post_each`.
pub const MAP_ENTRIES_MAX: usize = 20_000;
/// Variables alive at one time.
pub const VARIABLES_MAX: usize = 200;
/// Functions of one file.
pub const FUNCTIONS_MAX: usize = 100;
/// Bytes of one script.
pub const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Bytes of one template or table.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Files of one rule set.
pub const FILES_MAX: usize = 1_000;
/// Questions of one message (`recall` and `lookup` do not count).
pub const QUESTIONS_MAX: usize = 16;
/// Records of one `post_each`.
pub const RECORDS_MAX: usize = 2_000;
/// Recipients of one forward or new mail.
pub const RECIPIENTS_MAX: usize = 20;
/// Notes of one message.
pub const NOTES_MAX: usize = 100;
/// Keys remembered or forgotten for one message.
pub const MEMORY_WRITES_MAX: usize = 200;
/// Texts and lists within each other in one record.
pub const RECORD_DEPTH_MAX: usize = 32;
/// Bytes of text that count as one operation when a word reads it.
pub const BYTES_AN_OPERATION: usize = 256;
/// The stack a thread needs for [`super::decide`] at the deepest permitted nesting, in a debug build too.
pub const STACK_BYTES: usize = 16 << 20;
