//! The numbers of AMD devices. `ROCm` numbers the devices of the compute driver, not those in the list of a
//! tool: a device that the tool leaves out has a number, too, and one that the compute driver does not
//! know has none.

use super::card::Card;

/// Cards with their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    /// The listed ones.
    pub listed: Vec<(u16, Card)>,
    /// Those that the tool left out, or that it may have left out.
    pub left_out: Vec<(u16, Card)>,
    /// Number of listed ones that may be any of several, and are therefore not among the listed ones here.
    pub unmatched: usize,
}

/// The devices that the machine has without the tool, in the order of the numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Roster<'a> {
    /// The devices of the compute driver.
    Compute(&'a [Card]),
    /// Those of the graphics driver on the bus, in the order of their addresses. They give the numbers
    /// only if the tool has the same order.
    Bus(&'a [Card]),
}

/// Joins the list of a tool with a roster by the places on the bus and the permanent ids. Without a roster,
/// and if that of the bus has other devices than the list, the positions in the list are the numbers.
pub(super) fn numbered(mut listed: Vec<Card>, roster: Roster<'_>) -> Numbered {
    let (Roster::Compute(cards) | Roster::Bus(cards)) = roster;
    let is_compute = matches!(roster, Roster::Compute(_));
    let (mut places, is_clear) = places(&listed, cards);
    let is_unknown = !is_compute && (!is_clear || places.iter().any(Option::is_none));
    if cards.is_empty() || is_unknown {
        return Numbered { listed: with_numbers(listed, 0), ..Numbered::default() };
    }
    let count = listed.len();
    if !is_clear {
        let joined = listed.into_iter().zip(places);
        (listed, places) =
            joined.filter(|(card, place)| place.is_some() || card.bus.is_some()).unzip();
    }
    let unmatched = count - listed.len();
    let rest = (0..cards.len()).filter(|at| !places.contains(&Some(*at)));
    let rest: Vec<(usize, Card)> = rest.map(|at| (at, cards[at].clone())).collect();
    if is_compute {
        for (card, place) in listed.iter_mut().zip(&places) {
            card.has_compute_driver = Some(place.is_some());
        }
    } else if !places.is_sorted() {
        let next = listed.len();
        let left_out = with_numbers(rest.into_iter().map(|(_, card)| card).collect(), next);
        return Numbered { listed: with_numbers(listed, 0), left_out, unmatched };
    }
    let mut next = cards.len();
    let mut number = |place: Option<usize>| {
        let number = place.unwrap_or(next);
        next += usize::from(place.is_none());
        u16::try_from(number).unwrap_or(u16::MAX)
    };
    let left_out = rest.into_iter().map(|(at, card)| (number(Some(at)), card)).collect();
    let listed = listed.into_iter().zip(places).map(|(card, place)| (number(place), card));
    Numbered { listed: listed.collect(), left_out, unmatched }
}

/// The position in the roster of each listed card; None inside for one that it does not have. False if there are
/// cards without an address or id of which it is unknown which ones they are: the number of the remaining
/// devices differs.
fn places(listed: &[Card], cards: &[Card]) -> (Vec<Option<usize>>, bool) {
    let mut free: Vec<usize> = (0..cards.len()).collect();
    let mut take = |card: &Card| {
        let at = free.iter().position(|at| {
            let known = &cards[*at];
            match card.place() {
                Some(place) => known.place() == Some(place),
                None => card.unique_id().is_some_and(|id| known.unique_id() == Some(id)),
            }
        })?;
        Some(free.remove(at))
    };
    let mut places: Vec<Option<usize>> = listed.iter().map(&mut take).collect();
    let open: Vec<usize> =
        (0..listed.len()).filter(|at| listed[*at].bus.is_none() && places[*at].is_none()).collect();
    let is_clear = open.is_empty() || open.len() == free.len();
    if is_clear {
        for (at, place) in open.into_iter().zip(free) {
            places[at] = Some(place);
        }
    }
    (places, is_clear)
}

/// Cards with consecutive numbers.
pub(super) fn with_numbers(cards: Vec<Card>, first: usize) -> Vec<(u16, Card)> {
    let number = |at: usize| u16::try_from(first + at).ok();
    cards.into_iter().enumerate().map_while(|(at, card)| Some((number(at)?, card))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards(buses: &[&str]) -> Vec<Card> {
        let card = |bus: &&str| Card {
            bus: (!bus.is_empty()).then(|| format!("0000:{bus}:00.0")),
            ..Card::default()
        };
        buses.iter().map(card).collect()
    }

    /// The buses of the listed cards and of those that were left out, with their numbers.
    fn joined(listed: &[&str], roster: &[&str], is_compute: bool) -> (String, String) {
        let roster = cards(roster);
        let roster = if is_compute { Roster::Compute(&roster) } else { Roster::Bus(&roster) };
        let Numbered { listed, left_out, .. } = numbered(cards(listed), roster);
        let shown = |cards: &[(u16, Card)]| {
            let one = |(number, card): &(u16, Card)| {
                let bus = card.bus.as_deref().and_then(|bus| bus.split(':').nth(1)).unwrap_or("?");
                format!("{number}={bus}")
            };
            cards.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        (shown(&listed), shown(&left_out))
    }

    #[test]
    fn numbers_are_those_of_the_compute_driver() {
        for (listed, compute, expected, left_out) in [
            (&["03", "43"][..], &["03", "43"][..], "0=03 1=43", ""),
            (&["43"], &["03", "43"], "1=43", "0=03"),
            (&["03", "43"], &["43", "03"], "1=03 0=43", ""),
            (&["01", "03"], &["03"], "1=01 0=03", ""),
            (&["", ""], &["03", "43"], "0=? 1=?", ""),
            (&["43", ""], &["03", "43"], "1=43 0=?", ""),
            // It may be any of them.
            (&[""], &["03", "43"], "", "0=03 1=43"),
            (&["43", "", ""], &["03", "43"], "1=43", "0=03"),
            (&["0c", "0c"], &["0c", "0c"], "0=0c 1=0c", ""),
            (&["03", "43"], &[], "0=03 1=43", ""),
        ] {
            let expected = (expected.to_owned(), left_out.to_owned());
            assert_eq!(joined(listed, compute, true), expected, "{listed:?} of {compute:?}");
        }
    }

    #[test]
    fn ids_identify_cards_without_an_address() {
        let card = |id: &str, bus: Option<&str>| Card {
            id: Some(id.to_owned()),
            bus: bus.map(str::to_owned),
            ..Card::default()
        };
        let compute = [card("0xa", Some("0000:03:00.0")), card("0xb", Some("0000:43:00.0"))];
        let found = numbered(vec![card("0x000B", None)], Roster::Compute(&compute));
        assert_eq!((found.listed[0].0, found.left_out[0].0, found.unmatched), (1, 0, 0));
        let none = Card::default();
        assert_eq!(numbered(vec![none], Roster::Compute(&compute)).unmatched, 1);
    }

    #[test]
    fn the_bus_gives_numbers_only_in_its_own_order() {
        let left_out = |listed: &[&str], bus: &[&str]| joined(listed, bus, false);
        assert_eq!(left_out(&["43"], &["03", "43"]), ("1=43".into(), "0=03".into()));
        assert_eq!(left_out(&["43", "03"], &["03", "43", "63"]).1, "2=63");
        assert_eq!(left_out(&["43", "03"], &["03", "43", "63"]).0, "0=43 1=03");
        assert_eq!(left_out(&["01", "03"], &["03"]), ("0=01 1=03".into(), String::new()));
    }
}
