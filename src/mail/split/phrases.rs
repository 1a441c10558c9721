//! The words by which mail programs and people set off quoted messages, signatures and notices, by language.
//!
//! All in lower case, parted by `|`. A language more is a line more in each list.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::fields::Field;

/// A list of phrases, read once.
pub(super) struct Phrases {
    /// By their first letter: most lines begin with none of them.
    by_first: LazyLock<HashMap<char, Vec<&'static str>>>,
    /// Finds any of them in one pass, the longest where one begins with another.
    any: LazyLock<Option<Regex>>,
}

impl Phrases {
    const fn new(by_first: fn() -> HashMap<char, Vec<&'static str>>, any: fn() -> Option<Regex>) -> Self {
        Self { by_first: LazyLock::new(by_first), any: LazyLock::new(any) }
    }

    fn like(&self, text: &str) -> &[&'static str] {
        text.chars().next().and_then(|first| self.by_first.get(&first)).map_or(&[], Vec::as_slice)
    }

    /// The longest phrase that the text begins with.
    pub(super) fn begins(&self, text: &str) -> Option<&'static str> {
        self.like(text).iter().copied().filter(|phrase| text.starts_with(phrase)).max_by_key(|phrase| phrase.len())
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.like(text).contains(&text)
    }

    /// Where they stand in the text.
    pub(super) fn find<'p>(&'p self, text: &'p str) -> impl Iterator<Item = Range<usize>> + 'p {
        self.any.as_ref().into_iter().flat_map(|any| any.find_iter(text)).map(|found| found.range())
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.any.as_ref().is_some_and(|any| any.is_match(text))
    }
}

/// Parts a list; the line ends of its source are not in it.
fn parted(list: &'static str) -> Vec<&'static str> {
    list.split('|').filter(|phrase| !phrase.is_empty()).collect()
}

fn by_first(list: &'static str) -> HashMap<char, Vec<&'static str>> {
    let mut phrases: HashMap<char, Vec<&'static str>> = HashMap::new();
    for phrase in parted(list) {
        phrases.entry(phrase.chars().next().unwrap_or_default()).or_default().push(phrase);
    }
    phrases
}

/// An expression for any phrase of a list.
fn any(list: &'static str) -> Option<Regex> {
    let mut phrases = parted(list);
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    Regex::new(&phrases.iter().map(|phrase| regex::escape(phrase)).collect::<Vec<_>>().join("|")).ok()
}

/// Verbs of "On … wrote:".
pub(super) static WROTE: Phrases = Phrases::new(|| by_first(WROTE_LIST), || any(WROTE_LIST));
const WROTE_LIST: &str = "wrote|writes|schrieb|schrieb folgendes|geschrieben|a écrit|a ecrit|écrit|escribió|escribio|ha escrito|va escriure|\
         ha scritto|scritto|scrive|schreef|schreef het volgende|geschreven|escreveu|napisał|napisał(a)|napisał/a|napisala|\
         napisał(-a)|napisal|pisze|написал|написала|написал(а)|пишет|пише|написав|написала(в)|написа|skrev|skrev følgende|skriver|\
         kirjoitti|kirjoittanut|às|napsal|napsala|napsal(a)|napísal|napísala|napísal(a)|írta|ezt írta|a scris|scrie|yazdı|\
         şunu yazdı|şunları yazdı|έγραψε|je napisao|je napisala|je napisao/la|je napisao/napisala|napisao je|je pisal|kirjutas|\
         rakstīja|parašė|rašė|đã viết|menulis|写道|寫道|のメール|님이 작성|작성|เขียนว่า|כתב|כתבה|كتب";

/// Beginnings of "On … wrote:".
pub(super) static OPENERS: Phrases = Phrases::new(|| by_first(OPENERS_LIST), || any(OPENERS_LIST));
const OPENERS_LIST: &str = "on |am |vom |der |le |el |il |il giorno |op |em |no dia |a |w dniu |dnia |den |d. |på |kl. |pe |ma |ke |to |ti |la |su |\
         fre|man|tir|ons|tor|lør|søn|mån|tis|lör|sön|mon|tue|wed|thu|fri|sat|lun|mar|mer|jeu|ven|sam|dim|do.|mo.|di.|mi.|fr.|sa.|\
         so.|в |пн|вт|ср|чт|пт|сб|вс|нд|on: |vào |în |pe data |dne |dňa |po |út |st |čt |pá |so |ne |pon|śr|czw|pt.|sob|niedz|\
         στις |στις|dana |ponedjeljak|uto|sri|čet|pet|ned|pada |tarihinde |在 |於 |於|ב|בתאריך|في ";

/// What stands between dashes above a quoted message.
pub(super) static ORIGINAL: Phrases = Phrases::new(|| by_first(ORIGINAL_LIST), || any(ORIGINAL_LIST));
const ORIGINAL_LIST: &str = "original message|original mail|original email|original e-mail|reply message|original appointment|mensaje original|\
         ursprüngliche nachricht|originalnachricht|original-nachricht|ursprüngliche mail|message d'origine|message d’origine|\
         message original|message initial|messaggio originale|messaggio iniziale|oorspronkelijk bericht|oorspronkelijke bericht|\
         mensagem original|mensagem inicial|oryginalna wiadomość|wiadomość oryginalna|wiadomość oryg|исходное сообщение|\
         оригинальное сообщение|вихідне повідомлення|ursprungligt meddelande|originalmeddelande|oprindelig meddelelse|\
         original meddelelse|oprindelig besked|original besked|opprinnelig e-post|opprinnelig melding|alkuperäinen viesti|\
         původní zpráva|původní e-mail|pôvodná správa|eredeti üzenet|mesaj original|mesajul original|özgün ileti|orijinal mesaj|\
         orijinal ileti|αρχικό μήνυμα|izvorna poruka|originalna poruka|izvirno sporočilo|missatge original|原始邮件|原郵件|\
         原始郵件|元のメッセージ|元のメール|원본 메시지|원본 메일|הודעה מקורית|الرسالة الأصلية";

/// What stands between dashes above a forwarded message, or alone on a line with a colon.
pub(super) static FORWARDED: Phrases = Phrases::new(|| by_first(FORWARDED_LIST), || any(FORWARDED_LIST));
const FORWARDED_LIST: &str = "forwarded message|begin forwarded message|forwarded email|forwarded mail|start of forwarded message|\
         forwarded conversation|below is the forwarded message|weitergeleitete nachricht|anfang der weitergeleiteten nachricht|\
         anfang der weitergeleiteten e-mail|weitergeleitete e-mail|message transféré|message transmis|message réexpédié|\
         courriel transféré|début du message réexpédié|début du message transféré|début du message renvoyé|mensaje reenviado|\
         inicio del mensaje reenviado|mensaje remitido|missatge reenviat|messaggio inoltrato|inizio messaggio inoltrato|\
         messaggio reinviato|doorgestuurd bericht|begin doorgestuurd bericht|begin van doorgestuurd bericht|\
         mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada|início da mensagem reencaminhada|\
         início da mensagem reenviada|início da mensagem|\
         przekazana wiadomość|wiadomość przekazana|treść przekazanej wiadomości|początek przekazywanej wiadomości|\
         początek przesyłanej dalej wiadomości|пересылаемое сообщение|пересланное сообщение|перенаправленное сообщение|\
         начало переадресованного сообщения|начало пересылаемого сообщения|переслане повідомлення|пересилання повідомлення|\
         перенаправлене повідомлення|початок листа, що пересилається|початок переадресованого повідомлення|препратено съобщение|\
         vidarebefordrat meddelande|vidarebefordrat mejl|vidarebefordrat brev|vidarebefordrat e-postmeddelande|\
         videresendt meddelelse|videresendt besked|start på videresendt besked|start på videresendt meddelelse|\
         videresendt melding|videresendt e-post|start på videresendt melding|begynnelse på videresendt e-post|\
         videresendt e-postmelding|edelleenlähetetty viesti|välitetty viesti|välitetty viesti alkaa|\
         přeposlaná zpráva|přeposlaný e-mail|začátek přeposílané zprávy|začátek přeposlané zprávy|předávaná zpráva|\
         preposlaná správa|preposlaný e-mail|začiatok preposlanej správy|továbbított üzenet|továbbított levél|\
         továbbított levél kezdete|mesaj redirecționat|mesaj redirecţionat|mesaj transmis mai departe|\
         începutul mesajului redirecționat|începe mesajul redirecționat|iletilen mesaj|iletilen ileti|yönlendirilmiş ileti|i̇letilen ileti|i̇letilen mesaj|\
         iletilmiş ileti|i̇letilmiş mesaj|i̇leti başlangıcı|ileti başlangıcı|iletilen mesajın başlangıcı|iletilmiş mesajın başlangıcı|i̇letilmiş ileti başlangıcı|\
         προωθημένο μήνυμα|έναρξη προωθημένου μηνύματος|proslijeđena poruka|početak proslijeđene poruke|započni proslijeđenu poruku|\
         prosleđena poruka|posredovano sporočilo|edastatud kiri|edastatud sõnum|pārsūtīts ziņojums|persiųsta žinutė|\
         转发的邮件|转发邮件|已转发邮件|转发邮件信息|轉寄郵件|轉寄的郵件|已轉寄郵件|開始轉寄郵件|转发的信息|转发的消息|轉發的郵件|\
         開始轉寄訊息|転送されたメッセージ|転送メッセージ|転送されたメール|以下转发的邮件|전달된 메시지|전달된 메일|전달된 이메일|전달한 메시지|הודעה שהועברה|\
         رسالة معاد توجيهها|tin nhắn đã chuyển tiếp|pesan terusan|pesan yang diteruskan";

/// Beginnings of a mobile or webmail program's signature line.
pub(super) static SENT_FROM: Phrases = Phrases::new(|| by_first(SENT_FROM_LIST), || any(SENT_FROM_LIST));
const SENT_FROM_LIST: &str = "sent from |sent via|sent with|get outlook for|sent using|virus-free.|von meinem|gesendet von|gesendet mit|\
         gesendet über|gesendet aus|diese nachricht wurde von|diese e-mail wurde von meinem|outlook für|outlook-app|\
         holen sie sich outlook|envoyé de mon|envoyé depuis|envoyé à partir|envoyé de |envoyé avec|envoyé par|télécharger outlook|\
         obtenez outlook|obtenir outlook|provenance : courrier|enviado desde|enviado con |obtener outlook|descarga outlook|enviado do meu|\
         enviado de meu|enviado a partir|enviado do |obter o outlook|baixe o outlook|inviato da|inviata da|scarica outlook|\
         ottieni outlook|verzonden vanaf|verstuurd vanaf|verzonden met|verzonden via|verstuurd via|download outlook|\
         outlook voor|wysłane z|wysłano z|pobierz aplikację outlook|pobierz outlook|отправлено с|отправлено из|отправлено через|\
         скачать outlook|надіслано з|надіслано через|skickat från|skickat med|hämta outlook|sendt fra|sendt via|hent outlook|\
         få outlook|lähetetty iphonesta|lähetetty androidista|lähetetty laitteesta|lähetetty samsung|lähetetty puhelimesta|\
         hanki outlook|odesláno z|odesláno ze|odoslané z|získat outlook|získajte outlook|az iphone-omról|elküldve |\
         az outlook letöltése|trimis de pe|trimis din|obțineți outlook|iphone'umdan gönderildi|iphone'dan gönderildi|\
         android için outlook|ios için outlook|στάλθηκε από|poslano s |poslano iz|enviat des|saadetud minu|從我的|发自我的|\
         從我的 iphone|來自我的|iphoneから送信|androidから|私の iphone|나의 iphone에서";

/// What people write above their name.
pub(super) static SIGN_OFFS: Phrases = Phrases::new(|| by_first(SIGN_OFFS_LIST), || any(SIGN_OFFS_LIST));
const SIGN_OFFS_LIST: &str = "best regards|kind regards|kindest regards|warm regards|warmest regards|many regards|with kind regards|with best regards|\
         with regards|regards|rgds|best wishes|with best wishes|sincerely|yours sincerely|yours faithfully|yours truly|\
         sincerely yours|respectfully|thanks and regards|thanks & regards|thank you and regards|thank you and best regards|\
         thanks and best regards|thanks and kind regards|mit freundlichen grüßen|mit freundlichen grüssen|\
         mit freundlichem gruß|mit freundlichem gruss|mit besten grüßen|mit besten grüssen|mit bestem gruß|freundliche grüße|\
         freundliche grüsse|freundlicher gruß|viele grüße|viele grüsse|vielen dank und viele grüße|beste grüße|beste grüsse|\
         besten gruß|bester gruß|herzliche grüße|herzliche grüsse|liebe grüße|liebe grüsse|schöne grüße|schönen gruß|mfg|\
         hochachtungsvoll|cordialement|bien cordialement|très cordialement|bien à vous|cordialement vôtre|salutations|\
         meilleures salutations|salutations distinguées|sincères salutations|respectueusement|met vriendelijke groet|\
         met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|hartelijke groet|hartelijke groeten|groeten|groetjes|\
         met hartelijke groet|mvg|cordiali saluti|distinti saluti|un cordiale saluto|cordialmente|saludos|saludos cordiales|\
         un saludo|un cordial saludo|cordial saludo|atentamente|muy atentamente|reciba un cordial saludo|atenciosamente|\
         com os melhores cumprimentos|melhores cumprimentos|os melhores cumprimentos|cumprimentos|com os meus cumprimentos|\
         cordiais saudações|saudações|abraços|att.|z poważaniem|z powazaniem|pozdrawiam|serdecznie pozdrawiam|\
         pozdrawiam serdecznie|z wyrazami szacunku|z pozdrowieniami|с уважением|с наилучшими пожеланиями|с найкращими побажаннями|\
         з повагою|med vänlig hälsning|med vänliga hälsningar|vänliga hälsningar|vänlig hälsning|bästa hälsningar|hälsningar|mvh|\
         med venlig hilsen|venlig hilsen|med venlige hilsner|de bedste hilsner|mange hilsner|bedste hilsner|bedste hilsen|hilsen|\
         kh|vh|med vennlig hilsen|vennlig hilsen|med hilsen|beste hilsen|ystävällisin terveisin|ystävällisesti|terveisin|\
         parhain terveisin|t.|s pozdravem|s přátelským pozdravem|s úctou|s pozdravom|hezký den|üdvözlettel|tisztelettel|\
         szívélyes üdvözlettel|cu stimă|cu respect|cu drag|saygılarımla|saygılarımızla|iyi çalışmalar|με εκτίμηση|φιλικά|\
         s poštovanjem|srdačan pozdrav|lijep pozdrav|lep pozdrav|lugupidamisega|ar cieņu|pagarbiai|atentament|salutacions|\
         此致|敬具|以上、よろしくお願いいたします。|감사합니다.";

/// What tells that a paragraph below a mail is a notice about confidentiality, viruses or paper.
pub(super) static DISCLAIMERS: Phrases = Phrases::new(|| by_first(DISCLAIMERS_LIST), || any(DISCLAIMERS_LIST));
const DISCLAIMERS_LIST: &str = "intended recipient|intended only for|intended solely for|solely for the use of|for the sole use of|\
         this email and any|this e-mail and any|this message and any attach|this message contains confidential|\
         is confidential and|are confidential and|may contain confidential|contains confidential|confidentiality notice|\
         privileged and confidential|received this email in error|received this e-mail in error|received this message in error|\
         received this communication in error|legally privileged|please consider the environment|before printing this|\
         think before you print|unauthorised use|unauthorized use|scanned for viruses|virus-free|checked for viruses|\
         vertrauliche informationen|vertrauliche und/oder|rechtlich geschützte informationen|nicht der richtige adressat|\
         nicht der beabsichtigte empfänger|diese e-mail irrtümlich|diese e-mail ist vertraulich|diese nachricht ist vertraulich|\
         ausschließlich für den|bitte denken sie an die umwelt|bevor sie diese e-mail ausdrucken|bevor sie diese mail|\
         ce message et toutes|ce message et ses pièces|ce message est confidentiel|ce courriel et|destinataire de ce message|\
         reçu ce message par erreur|recevez ce message par erreur|avez reçu ce courriel par erreur|n'imprimez ce|\
         pensez à l'environnement|pensez à l’environnement|avant d'imprimer|este mensaje y|este correo electrónico y|\
         contiene información confidencial|destinatario de este mensaje|recibido este mensaje por error|recibido este correo por error|\
         antes de imprimir|piense en el medio ambiente|esta mensagem e|contém informação confidencial|contém informações confidenciais|\
         recebeu esta mensagem por engano|recebeu esta mensagem por erro|pense no meio ambiente|questo messaggio e|\
         le informazioni contenute in|ricevete questo messaggio per errore|ricevuto questo messaggio per errore|\
         ricevuto questa e-mail per errore|persone diverse dal destinatario|prima di stampare|dit bericht is uitsluitend|\
         de informatie in dit|dit e-mailbericht|deze e-mail en|bent u niet de geadresseerde|uitsluitend bestemd voor|\
         denk aan het milieu|ta wiadomość|niniejsza wiadomość|treść tej wiadomości|informacje poufne|otrzymali państwo tę wiadomość|\
         omyłkowo|pomyśl o środowisku|это сообщение и|содержит конфиденциальн|это электронное сообщение|получили это сообщение по ошибке|\
         detta meddelande och|detta e-postmeddelande|fått detta meddelande av misstag|tänk på miljön|denne e-mail og|denne mail og|\
         denne e-mail kan indeholde fortrolig|modtaget denne mail ved en fejl|denne e-posten|mottatt denne e-posten ved en feil|\
         tenk på miljøet|tämä viesti|tämä sähköposti|luottamuksellis|tato zpráva|tento e-mail je důvěrn|důvěrné informace|\
         ez az üzenet|bizalmas információ|acest mesaj|informații confidențiale|bu e-posta|gizli bilgi|εμπιστευτικ|本邮件及其附件|本メールは|このメールには";

/// What tells that a paragraph above a mail was put there by the recipient's mail system.
pub(super) static BANNERS: Phrases = Phrases::new(|| by_first(BANNERS_LIST), || any(BANNERS_LIST));
const BANNERS_LIST: &str = "external email|external mail|external e-mail|external sender|external message|[external]|[extern]|originated outside|\
         originated from outside|sent from outside|came from outside|from outside of the organi|from outside of your organi|\
         from outside the organi|from outside your organi|from an external source|from an external sender|\
         you don't often get email from|you don’t often get email from|some people who received this message don't often get|\
         some people who received this message don’t often get|learn why this is important|do not click links|do not click on links|\
         don't click links|exercise caution|von außerhalb der organisation|von ausserhalb der organisation|externe e-mail|\
         externe mail|externer absender|stammt von außerhalb|stammt von einem externen|kommt von außerhalb|\
         sie erhalten nicht häufig e-mails von|sie erhalten nicht oft e-mails von|erfahren sie, warum dies wichtig ist|\
         courriel externe|e-mail externe|email externe|expéditeur externe|provient de l'extérieur|provient de l’extérieur|\
         provient d'un expéditeur externe|vous n'obtenez pas souvent d'e-mail|vous ne recevez pas souvent|\
         découvrez pourquoi cela est important|correo externo|remitente externo|procede de fuera|proviene de fuera|\
         no suele recibir correo electrónico de|no suele recibir correos|e-mail externo|remetente externo|de fora da organização|\
         email esterna|e-mail esterna|mittente esterno|proviene dall'esterno|proviene da un mittente esterno|\
         non si ricevono spesso messaggi|externe afzender|van buiten de organisatie|u ontvangt niet vaak e-mail van|\
         wiadomość zewnętrzna|nadawca zewnętrzny|spoza organizacji|nie często otrzymujesz|внешний отправитель|внешнее письмо|\
         extern avsändare|externt mejl|utanför organisationen|ekstern afsender|ekstern e-mail|uden for organisationen|\
         ekstern avsender|ekstern e-post|ulkopuolinen lähettäjä|externí odesílatel|mimo organizaci|外部邮件|外部メール|社外メール";

/// What stands before the colon of a quoted header, for each field.
const LABELS: [(Field, &str); 6] = [
    (
        Field::From,
        "from|von|šalje|expeditorul|expeditor|від кого|от кого|de|van|da|od|от|від|från|fra|lähettäjä|expéditeur|remitente|mittente|afzender|nadawca|remetente|отправитель|\
         avsändare|afsender|avsender|feladó|de la|kimden|gönderen|από|odesílatel|odosielateľ|pošiljatelj|saatja|kellelt|\
         sender|absender|发件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람|מאת|من|dari|từ|no|nuo|desde",
    ),
    (
        Field::Date,
        "date|sent|sent at|date sent|received|gesendet|gesendet am|datum|verzonden|verzonden op|envoyé|envoyé le|envoyée|enviado|\
         enviado el|enviado em|enviada em|enviada|fecha|fecha de envío|data|data de envio|data d'enviament|inviato|data invio|\
         wysłano|wysłane|data wysłania|отправлено|дата|дата отправки|надіслано|відправлено|skickat|skickad|sendt|dato|lähetetty|\
         päivämäärä|päiväys|pvm|odesláno|odoslané|poslané|dátum|elküldve|küldve|küldés ideje|feladva|trimis|data trimiterii|\
         tarih|gönderildi|gönderme tarihi|ημερομηνία|στάλθηκε|εστάλη|poslano|kuupäev|saadetud|datums|išsiųsta|изпратено|message du|\
         时间|发送时间|日期|寄件日期|日時|送信日時|日付|보낸 날짜|날짜|תאריך|נשלח|التاريخ|تاريخ الإرسال|tanggal|ngày",
    ),
    (
        Field::To,
        "to|an|à|a|para|per|aan|do|dla|komu|кому|до|till|til|vastaanottaja|destinataire|destinatario|destinatário|empfänger|pour|\
         ontvanger|adresat|получатель|mottagare|modtager|mottaker|címzett|către|kime|alıcı|προς|za|prima|saaja|kellele|kam|kam.|destinatarul|pre|\
         recipient|recipients|收件人|收件者|宛先|받는 사람|받는사람|אל|إلى|kepada|đến|tới|per a",
    ),
    (
        Field::Cc,
        "cc|kopie|copie|copie à|copia|copia a|cópia|dw|do wiadomości|копия|копія|kopia|kopi|kopi til|kopio|másolat|másolatot kap|\
         bilgi|κοιν.|κοινοποίηση|kopija|抄送|副本|참조|עותק|نسخة|tembusan",
    ),
    (
        Field::Subject,
        "subject|betreff|objet|sujet|asunto|assunto|oggetto|soggetto|onderwerp|temat|тема|тема сообщения|ämne|emne|aihe|otsikko|\
         předmět|predmet|tárgy|subiect|subiectul|konu|θέμα|naslov|teema|assumpte|predmet poruke|主题|主旨|件名|제목|נושא|الموضوع|perihal|subjek|\
         chủ đề|tēma|tema",
    ),
    (
        Field::Other,
        "reply-to|répondre à|bcc|cci|importance|attachments|anlagen|priorität|wichtigkeit|priority|pièces jointes|importancia|\
         antwort an|antwoord aan|responder a|rispondi a|odpowiedz do|ответить|svara till|svar til|vastausosoite|odpovědět na|\
         ccn|bijlagen|allegati|załączniki|message-id|organisation|organization|adjuntos|datos adjuntos|anexos|prioriteit|priorité|cco",
    ),
];

/// The field that a label in lower case names.
pub(super) fn field(label: &str) -> Option<Field> {
    static KNOWN: LazyLock<HashMap<&'static str, Field>> = LazyLock::new(|| {
        LABELS.iter().flat_map(|&(field, labels)| parted(labels).into_iter().map(move |label| (label, field))).collect()
    });
    KNOWN.get(label).copied()
}
