//! Names of months and weekdays in the languages that are read.

/// English months, in full.
pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// English weekdays from Monday, in full.
pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A month's names and abbreviations, lower case, in en de fr nl it es pl pt sv da no fi cs, as they stand in dates.
const READ: [&str; 12] = [
    "january jan januar jänner janner jän janvier janv januari gennaio gen enero ene styczeń stycznia styczen sty janeiro tammikuu \
     tammikuuta tammi leden ledna led",
    "february feb februar feber febr février fevrier févr fevr fév februari febbraio febrero luty lutego lut fevereiro fev helmikuu \
     helmikuuta helmi únor února unor unora úno",
    "march mar märz maerz marz mär mrz mars maart mrt marzo marzec marca março marco marts maaliskuu maaliskuuta maalis březen března \
     brezen brezna bře",
    "april apr avril avr aprile abril abr kwiecień kwietnia kwiecien kwi huhtikuu huhtikuuta huhti duben dubna dub",
    "may mai mei maggio mag mayo maj maja maio toukokuu toukokuuta touko květen května kveten kvetna kvě",
    "june jun juni juin giugno giu junio czerwiec czerwca cze junho kesäkuu kesäkuuta kesakuu kesakuuta kesä červen června cerven \
     cervna čvn",
    "july jul juli juillet juil luglio lug julio lipiec lipca lip julho heinäkuu heinäkuuta heinakuu heinakuuta heinä červenec července \
     cervenec cervence čvc",
    "august aug août aout augustus agosto ago sierpień sierpnia sierpien sie augusti elokuu elokuuta elo srpen srpna srp",
    "september sept sep septembre settembre sett set septiembre setiembre wrzesień września wrzesien wrzesnia wrz setembro syyskuu \
     syyskuuta syys září zari zář",
    "october oct oktober okt octobre ottobre ott octubre październik października pazdziernik pazdziernika paź outubro out lokakuu \
     lokakuuta loka říjen října rijen rijna říj",
    "november nov novembre noviembre listopad listopada listopadu lis novembro marraskuu marraskuuta marras",
    "december dec dezember dez décembre decembre déc dicembre dic diciembre grudzień grudnia grudzien gru dezembro desember des \
     joulukuu joulukuuta joulu prosinec prosince pro",
];

/// The month, from 1, of a name or abbreviation in any case, without its dot.
pub(super) fn month(name: &str) -> Option<i8> {
    let lower = name.to_lowercase();
    let position = READ.iter().position(|names| names.split_ascii_whitespace().any(|known| known == lower))?;
    i8::try_from(position + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_months() {
        let mut names: Vec<&str> = READ.iter().flat_map(|names| names.split_ascii_whitespace()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn months_are_known_in_thirteen_languages() {
        let december = [
            "December",
            "Dezember",
            "décembre",
            "dicembre",
            "diciembre",
            "grudnia",
            "dezembro",
            "desember",
            "joulukuuta",
            "prosince",
        ];
        for name in december {
            assert_eq!(month(name), Some(12), "{name}");
        }
        assert_eq!(month("MÄRZ"), Some(3));
        assert_eq!(month("mardi"), None);
    }
}
