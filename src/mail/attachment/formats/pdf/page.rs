//! What a page prints: its content stream played through (ISO 32000-1, 8 and 9), as far as text is concerned.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::font::Font;
use super::layout::{Glyph, Turn};

/// Forms within forms that are followed.
const FORMS_MAX: u8 = 12;
/// Levels of saved states.
const SAVED_MAX: usize = 500;

/// What reading a document may still take.
pub(super) struct Left {
    /// Characters.
    pub(super) glyphs: usize,
    /// Bytes of content streams, unfolded.
    pub(super) bytes: usize,
}

/// `[a b c d e f]` as the specification has it: x' = a x + c y + e, y' = b x + d y + f.
#[derive(Clone, Copy)]
struct Matrix([f32; 6]);

impl Matrix {
    const SAME: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn of(numbers: &[f32]) -> Option<Self> {
        numbers.get(..6)?.try_into().ok().map(Self)
    }

    fn moved(x: f32, y: f32) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First this, then `other`.
    #[allow(clippy::many_single_char_names, reason = "the specification's names")]
    fn then(self, other: Self) -> Self {
        let ([a, b, c, d, e, f], [oa, ob, oc, od, oe, of]) = (self.0, other.0);
        Self([a * oa + b * oc, a * ob + b * od, c * oa + d * oc, c * ob + d * od, e * oa + f * oc + oe, e * ob + f * od + of])
    }
}

/// The graphics state, as far as text is concerned.
#[derive(Clone)]
struct State<'d> {
    to_page: Matrix,
    font: Option<Rc<Font<'d>>>,
    size: f32,
    sign_spacing: f32,
    word_spacing: f32,
    stretch: f32,
    leading: f32,
    rise: f32,
}

/// Plays content streams and takes down what they print.
pub(super) struct Press<'d> {
    document: &'d Document,
    left: &'d mut Left,
    fonts: HashMap<*const Dictionary, Rc<Font<'d>>>,
    glyphs: Vec<Glyph>,
}

impl<'d> Press<'d> {
    pub(super) fn new(document: &'d Document, left: &'d mut Left) -> Self {
        Self { document, left, fonts: HashMap::new(), glyphs: Vec::new() }
    }

    /// The characters of a page, in the order in which they are printed.
    ///
    /// # Errors
    /// Why it could not be read whole, in words.
    pub(super) fn print(&mut self, page: ObjectId) -> Result<Vec<Glyph>, String> {
        let content = self.document.get_page_content_with_limit(page, self.left.bytes).map_err(|error| error.to_string());
        let state = State {
            to_page: Matrix::SAME,
            font: None,
            size: 0.0,
            sign_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let (own, inherited) = self.document.get_page_resources(page).unwrap_or_default();
        let inherited = inherited.iter().filter_map(|&id| self.document.get_dictionary(id).ok());
        let resources: Vec<&Dictionary> = own.into_iter().chain(inherited).collect();
        let printed = content.and_then(|content| self.play(&content, &resources, &state, 0));
        for (form, place) in self.fields(page) {
            let state = State { to_page: place, ..state.clone() };
            // What a form's field shows is worth having without the page, and the page without it.
            let _ = self.play_form(form, &resources, &state, 0);
        }
        printed.map(|()| std::mem::take(&mut self.glyphs))
    }

    /// Whether nothing more may be read.
    pub(super) fn is_full(&self) -> bool {
        self.left.glyphs == 0 || self.left.bytes == 0
    }

    /// What was printed until a page went wrong.
    pub(super) fn take(&mut self) -> Vec<Glyph> {
        std::mem::take(&mut self.glyphs)
    }

    /// What fields of a form show, and where (12.5.5).
    fn fields(&self, page: ObjectId) -> Vec<(&'d Stream, Matrix)> {
        let document = self.document;
        let annotations = document.get_page_annotations(page).unwrap_or_default();
        let shown = annotations.into_iter().filter_map(|annotation| {
            let kind = annotation.get_deref(b"Subtype", document).ok()?.as_name().ok()?;
            let appearance = annotation.get_deref(b"AP", document).ok()?.as_dict().ok()?;
            let form = appearance.get_deref(b"N", document).ok()?.as_stream().ok()?;
            let corner = |of: &'d Dictionary, key: &[u8]| {
                let numbers = numbers(document, of.get_deref(key, document).ok()?.as_array().ok()?);
                Some((numbers.first()?.min(*numbers.get(2)?), numbers.get(1)?.min(*numbers.get(3)?)))
            };
            let ((x, y), (from_x, from_y)) = (corner(annotation, b"Rect")?, corner(&form.dict, b"BBox").unwrap_or_default());
            matches!(kind, b"Widget" | b"FreeText").then(|| (form, Matrix::moved(x - from_x, y - from_y)))
        });
        shown.collect()
    }

    fn play(&mut self, content: &[u8], resources: &[&'d Dictionary], state: &State<'d>, depth: u8) -> Result<(), String> {
        self.left.bytes = self.left.bytes.saturating_sub(content.len());
        let content = Content::decode(content).map_err(|error| error.to_string())?;
        let mut text = Text { state: state.clone(), saved: Vec::new(), line: Matrix::SAME, at: Matrix::SAME };
        for Operation { operator, operands } in &content.operations {
            if self.left.glyphs == 0 {
                return Ok(());
            }
            match operator.as_str() {
                "Do" => self.form(operands, resources, &text.state, depth)?,
                "Tf" => {
                    text.state.size = operands.get(1).and_then(|size| size.as_float().ok()).unwrap_or(0.0);
                    text.state.font =
                        self.named(resources, b"Font", operands).and_then(|font| Some(self.font(font.as_dict().ok()?)));
                }
                "gs" => {
                    let state = self.named(resources, b"ExtGState", operands).and_then(|state| state.as_dict().ok());
                    if let Some(Object::Array(font)) = state.and_then(|state| state.get_deref(b"Font", self.document).ok())
                        && let [font, size] = font.as_slice()
                    {
                        let dictionary = self.document.dereference(font).ok().and_then(|(_, font)| font.as_dict().ok());
                        text.state.font = dictionary.map(|font| self.font(font));
                        text.state.size = size.as_float().unwrap_or(0.0);
                    }
                }
                "Tj" => self.show(&mut text, operands.first()),
                "'" => {
                    text.next_line();
                    self.show(&mut text, operands.first());
                }
                "\"" => {
                    let numbers = numbers(self.document, operands);
                    text.state.word_spacing = numbers.first().copied().unwrap_or(0.0);
                    text.state.sign_spacing = numbers.get(1).copied().unwrap_or(0.0);
                    text.next_line();
                    self.show(&mut text, operands.get(2));
                }
                "TJ" => {
                    for part in operands.first().and_then(|parts| parts.as_array().ok()).into_iter().flatten() {
                        match part.as_float() {
                            Ok(back) => text.move_on(-back / 1000.0 * text.state.size * text.state.stretch),
                            Err(_) => self.show(&mut text, Some(part)),
                        }
                    }
                }
                operator => text.set(operator, &numbers(self.document, operands)),
            }
        }
        Ok(())
    }

    /// `Do`: a form is a page within the page.
    fn form(&mut self, operands: &[Object], resources: &[&'d Dictionary], state: &State<'d>, depth: u8) -> Result<(), String> {
        let Some(Object::Stream(form)) = self.named(resources, b"XObject", operands) else { return Ok(()) };
        let is_form = form.dict.get_deref(b"Subtype", self.document).and_then(Object::as_name).is_ok_and(|kind| kind == b"Form");
        if is_form { self.play_form(form, resources, state, depth) } else { Ok(()) }
    }

    fn play_form(&mut self, form: &'d Stream, outer: &[&'d Dictionary], state: &State<'d>, depth: u8) -> Result<(), String> {
        if depth == FORMS_MAX || self.left.bytes == 0 {
            return Err("its forms lie too deep in each other, or are too many".to_owned());
        }
        let matrix = form.dict.get_deref(b"Matrix", self.document).and_then(Object::as_array);
        let matrix = matrix.ok().and_then(|matrix| Matrix::of(&numbers(self.document, matrix))).unwrap_or(Matrix::SAME);
        let own = form.dict.get_deref(b"Resources", self.document).and_then(Object::as_dict);
        let resources: Vec<&Dictionary> = own.into_iter().chain(outer.iter().copied()).collect();
        // One that cannot be unfolded takes as much as a small one: else a thousand of them would take for ever.
        self.left.bytes = self.left.bytes.saturating_sub(1 << 10);
        let content = form.get_plain_content_with_limit(self.left.bytes).map_err(|error| error.to_string())?;
        let state = State { to_page: matrix.then(state.to_page), ..state.clone() };
        self.play(&content, &resources, &state, depth + 1)
    }

    fn named(&self, resources: &[&'d Dictionary], kind: &[u8], operands: &[Object]) -> Option<&'d Object> {
        let name = operands.first()?.as_name().ok()?;
        resources.iter().find_map(|resources| {
            resources.get_deref(kind, self.document).ok()?.as_dict().ok()?.get_deref(name, self.document).ok()
        })
    }

    fn font(&mut self, font: &'d Dictionary) -> Rc<Font<'d>> {
        let document = self.document;
        Rc::clone(self.fonts.entry(std::ptr::from_ref(font)).or_insert_with(|| Rc::new(Font::new(document, font))))
    }

    #[allow(clippy::many_single_char_names, reason = "the specification's names")]
    fn show(&mut self, text: &mut Text<'d>, shown: Option<&Object>) {
        let (Some(Ok(bytes)), Some(font)) = (shown.map(Object::as_str), text.state.font.clone()) else { return };
        for (shown, is_blank) in font.show(bytes) {
            let state = &text.state;
            let printed = Matrix([state.size * state.stretch, 0.0, 0.0, state.size, 0.0, state.rise]);
            let Matrix([a, b, c, d, x, y]) = printed.then(text.at).then(state.to_page);
            let word = if is_blank { state.word_spacing } else { 0.0 };
            let forth = (shown.width * state.size + state.sign_spacing + word) * state.stretch;
            #[allow(clippy::cast_precision_loss, reason = "a few characters")]
            let share = shown.width / shown.signs.len().max(1) as f32;
            let mut moved = 0.0;
            for &sign in shown.signs.iter().take(self.left.glyphs) {
                self.glyphs.push(Glyph {
                    sign,
                    x: x + a * moved,
                    y: y + b * moved,
                    width: share * a.hypot(b),
                    size: c.hypot(d),
                    turn: Turn::towards(a, b),
                });
                moved += share;
            }
            self.left.glyphs = self.left.glyphs.saturating_sub(shown.signs.len());
            text.move_on(forth);
        }
    }
}

/// Where the next character goes.
struct Text<'d> {
    state: State<'d>,
    saved: Vec<State<'d>>,
    line: Matrix,
    at: Matrix,
}

impl Text<'_> {
    fn move_on(&mut self, along: f32) {
        self.at = Matrix::moved(along, 0.0).then(self.at);
    }

    fn move_line(&mut self, x: f32, y: f32) {
        self.line = Matrix::moved(x, y).then(self.line);
        self.at = self.line;
    }

    fn next_line(&mut self) {
        self.move_line(0.0, -self.state.leading);
    }

    /// The operators that only set something.
    fn set(&mut self, operator: &str, numbers: &[f32]) {
        let first = numbers.first().copied().unwrap_or(0.0);
        let second = numbers.get(1).copied().unwrap_or(0.0);
        match operator {
            "q" if self.saved.len() < SAVED_MAX => self.saved.push(self.state.clone()),
            "Q" => self.state = self.saved.pop().unwrap_or_else(|| self.state.clone()),
            "cm" => {
                if let Some(matrix) = Matrix::of(numbers) {
                    self.state.to_page = matrix.then(self.state.to_page);
                }
            }
            "BT" => (self.line, self.at) = (Matrix::SAME, Matrix::SAME),
            "Tm" => {
                if let Some(matrix) = Matrix::of(numbers) {
                    (self.line, self.at) = (matrix, matrix);
                }
            }
            "Tc" => self.state.sign_spacing = first,
            "Tw" => self.state.word_spacing = first,
            "Tz" => self.state.stretch = first / 100.0,
            "TL" => self.state.leading = first,
            "Ts" => self.state.rise = first,
            "Td" => self.move_line(first, second),
            "TD" => {
                self.state.leading = -second;
                self.move_line(first, second);
            }
            "T*" => self.next_line(),
            _ => {}
        }
    }
}

fn numbers(document: &Document, objects: &[Object]) -> Vec<f32> {
    let number = |object: &Object| document.dereference(object).ok()?.1.as_float().ok();
    objects.iter().take(6).filter_map(number).collect()
}
