//! Windows code pages by number, and by the language of who wrote.

use encoding_rs::Encoding;

/// UTF-8 as Windows numbers it.
const UTF_8: u32 = 65_001;

/// The encoding of a Windows code page.
pub(super) fn encoding(code_page: u32) -> Option<&'static Encoding> {
    let label = match code_page {
        UTF_8 | 20_127 => "utf-8",
        1200 => "utf-16le",
        1201 => "utf-16be",
        866 => "ibm866",
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 | 51_949 => "euc-kr",
        950 => "big5",
        10_000 => "macintosh",
        20_866 => "koi8-r",
        21_866 => "koi8-u",
        20_932 | 51_932 => "euc-jp",
        50_220..=50_222 => "iso-2022-jp",
        51_936 => "gb2312",
        54_936 => "gb18030",
        1250..=1258 => return Encoding::for_label(format!("windows-{code_page}").as_bytes()),
        28_591..=28_606 => return Encoding::for_label(format!("iso-8859-{}", code_page - 28_590).as_bytes()),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// The code page that Windows uses for the language of a locale (MS-LCID).
pub(super) fn of_locale(locale: u32) -> u32 {
    match (locale & 0x3ff, locale >> 10 & 0x3f) {
        (0x04, 2 | 4) => 936,
        (0x04, _) => 950,
        (0x11, _) => 932,
        (0x12, _) => 949,
        (0x1e, _) => 874,
        (0x05 | 0x0e | 0x15 | 0x18 | 0x1a | 0x1b | 0x1c | 0x24, _) => 1250,
        (0x02 | 0x19 | 0x22 | 0x23 | 0x2f | 0x3f | 0x40, _) => 1251,
        (0x08, _) => 1253,
        (0x1f | 0x2c, _) => 1254,
        (0x0d, _) => 1255,
        (0x01 | 0x20 | 0x29, _) => 1256,
        (0x25..=0x27, _) => 1257,
        (0x2a, _) => 1258,
        _ => 1252,
    }
}

/// The code page of a font's `\fcharset` (RTF 1.9.1).
pub(super) fn of_font(charset: u32) -> Option<u32> {
    Some(match charset {
        0 => 1252,
        77 => 10_000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}
