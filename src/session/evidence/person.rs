//! What the person says of the work: that it is wrong, or that it is right, in several languages.
//!
//! Only the beginning of a message is asked, for there people say what they think of what was done; further down they say
//! what they want. Patterns are short and end where words end; a doubt is no sign.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// How much of the beginning is looked at, in characters.
const WITHIN: usize = 160;

/// Longer messages are new work, whatever they begin with.
const LONGEST: usize = 1_200;

/// Says that it is wrong, anywhere in the beginning. Lower case; the apostrophe is `'`.
const WRONG: &[&str] = &[
    // English.
    "still broken | still fails | still failing | still failed | still not working | still doesn't work | \
     still does not work | still doesnt work | still the same error | still getting the | still an error | \
     still wrong | still happens | still crashes | still red | it doesn't work | it does not work | \
     it doesnt work | that doesn't work | that does not work | that didn't work | that did not work | \
     it didn't work | didn't help | did not help | doesn't compile | does not compile | it's not working | \
     it is not working | it isn't working | not working yet | same error | same problem again | same issue again | \
     that's wrong | that is wrong | this is wrong | you're wrong | you are wrong | that's not right | \
     that is not right | that's not what i | not what i asked | not what i wanted | you broke | now it's broken | \
     you made it worse | worse than before | wrong file | undo that | undo this | revert that | revert this | \
     revert your | roll that back | stop doing | i told you | i already told | i said not | you forgot | \
     you missed | you ignored | you didn't | you did not | you deleted",
    // German.
    "geht immer noch nicht | geht noch immer nicht | geht nicht | funktioniert nicht | \
     funktioniert immer noch nicht | immer noch kaputt | immer noch falsch | immer noch der fehler | \
     immer noch derselbe | gleicher fehler | derselbe fehler | selber fehler | das ist falsch | das stimmt nicht | \
     klappt nicht | nicht das, was ich | nicht was ich | mach das rückgängig | du hast vergessen | hast du kaputt",
    // French.
    "ne marche pas | ne marche toujours pas | marche pas | ne fonctionne pas | ne fonctionne toujours pas | \
     toujours pas | toujours la même erreur | même erreur | toujours cassé | c'est faux | ce n'est pas ce que | \
     c'est pas ce que | tu as oublié | annule ça | tu as cassé",
    // Spanish.
    "sigue sin funcionar | no funciona | todavía no funciona | sigue fallando | sigue roto | mismo error | \
     está mal | eso no es lo que | no es lo que pedí | deshaz eso | olvidaste",
    // Portuguese.
    "ainda não funciona | não funciona | não funcionou | nao funciona | continua falhando | continua com erro | \
     mesmo erro | está errado | não é isso | não foi isso que | desfaça isso | você esqueceu",
    // Italian.
    "non funziona | ancora non funziona | continua a fallire | stesso errore | è sbagliato | non è quello che | \
     annulla questo | hai dimenticato",
    // Dutch.
    "werkt niet | werkt nog steeds niet | nog steeds kapot | zelfde fout | dezelfde fout | dat klopt niet | \
     dat is fout | niet wat ik | maak dat ongedaan",
    // Polish.
    "nie działa | nadal nie działa | wciąż nie działa | dalej nie działa | ten sam błąd | to jest źle | nie o to | \
     cofnij to",
    // Russian.
    "не работает | всё ещё не работает | все еще не работает | по-прежнему не | та же ошибка | опять ошибка | \
     это неправильно | неверно | не то, что я | отмени это | ты сломал",
    // Ukrainian.
    "не працює | досі не працює | все ще не працює | та сама помилка | знову помилка | це неправильно | \
     не те, що я | скасуй це",
    // Turkish.
    "çalışmıyor | hâlâ çalışmıyor | hala çalışmıyor | aynı hata | bu yanlış | istediğim bu değil | geri al bunu | \
     olmadı",
];

/// The same in languages that put no space between words, or write theirs together.
const WRONG_WITHIN: &[&str] = &[
    // Chinese.
    "还是不行 | 還是不行 | 不行啊 | 还是报错 | 還是報錯 | 仍然报错 | 还是错 | 不对 | 不對 | \
     还是失败 | 同样的错误 | 一样的错误 | 不工作 | 改错了",
    // Japanese.
    "動きません | 動かない | 動いていません | まだエラー | 同じエラー | 直っていません | 直ってない | 違います | \
     間違って | うまくいきません | 元に戻して",
    // Korean.
    "안 돼 | 안돼 | 안 됩니다 | 안됩니다 | 작동하지 않 | 같은 오류 | 같은 에러 | 여전히 오류 | 여전히 실패 | \
     틀렸 | 되돌려",
    // Hindi.
    "काम नहीं कर | नहीं चल रहा | वही त्रुटि | वही एरर | गलत है | अभी भी त्रुटि | अभी भी एरर",
    // Arabic.
    "لا يعمل | لا تعمل | ما زال لا | لم يعمل | نفس الخطأ | هذا خطأ | ليس هذا ما",
];

/// Says that it is right, as the first words.
const RIGHT: &[&str] = &[
    // English.
    "thanks | thank you | thx | perfect | great | awesome | excellent | nice | well done | good job | \
     great job | brilliant | amazing | lgtm | looks good | it works | works now | that works | that worked | \
     works great | works perfectly | fixed now | all good | love it",
    // German.
    "danke | vielen dank | super | perfekt | klasse | prima | sehr gut | passt | funktioniert jetzt | jetzt geht | \
     geht jetzt",
    // French.
    "merci | parfait | génial | super | ça marche | très bien | nickel",
    // Spanish.
    "gracias | muchas gracias | perfecto | genial | excelente | ya funciona | ahora funciona | muy bien",
    // Portuguese.
    "obrigado | obrigada | valeu | perfeito | ótimo | excelente | agora funciona | funcionou | muito bom",
    // Italian.
    "grazie | perfetto | ottimo | adesso funziona | ora funziona | molto bene",
    // Dutch.
    "bedankt | dank je | dankjewel | perfect | prima | het werkt | werkt nu",
    // Polish.
    "dzięki | dziękuję | świetnie | super | działa | idealnie",
    // Russian.
    "спасибо | отлично | супер | работает | теперь работает | идеально",
    // Ukrainian.
    "дякую | чудово | супер | працює | тепер працює | ідеально",
    // Turkish.
    "teşekkürler | teşekkür ederim | sağ ol | harika | mükemmel | süper | şimdi çalışıyor | çalışıyor",
];

const RIGHT_WITHIN: &[&str] = &[
    "谢谢 | 謝謝 | 完美 | 太好了 | 太棒了 | 很好 | 可以了 | 成功了 | ありがとう | 完璧 | 動きました | 素晴らしい | \
     いいですね | 감사합니다 | 고마워 | 완벽 | 잘 됩니다 | 잘 돼 | धन्यवाद | शुक्रिया | बहुत बढ़िया | شكرا | \
     شكرًا | ممتاز | رائع | يعمل الآن",
];

/// What follows a word of praise that is none: `thanks to the cache`, `great, but`, `nice try`, `perfect square`.
const NOT_RIGHT: &[&str] = &[
    "to | in | for nothing | but | try | if | square | forward | number | aber | mais | pero | mas | ma | maar | \
     ale | но | але | ama | class | user | expectations | would | idea | - | \
     except | nicht | nichts | noch | di | che | de | d | ли | не | то",
];

/// A thing that does not work is no complaint where it is asked why, or where somebody else is meant.
const QUESTIONS: &[&str] = &[
    "why | when | how | what | which | where | warum | wieso | wann | wie | pourquoi | quand | comment | por qué | \
     cuándo | cómo | por que | quando | como | perché | come | waarom | wanneer | hoe | dlaczego | kiedy | jak | \
     почему | когда | как | чому | коли | як | neden | niye | nasıl | explain | document | if | wenn | falls | \
     si | se | als | jeśli | если | якщо | eğer",
];

/// Says that what was wrong is so once more: `why is it still broken` is a complaint all the same.
const AGAIN: &[&str] = &[
    "still  | immer noch | toujours | sigue  | ainda  | ancora  | nog steeds | nadal  | всё ещё | досі | hâlâ",
];

/// What a phrase stands for.
#[derive(Clone, Copy, Debug)]
enum Means {
    Wrong,
    WrongWithin,
    Right,
    RightWithin,
    Asks,
    Again,
}

const TABLES: [(&[&str], Means); 6] = [
    (WRONG, Means::Wrong),
    (WRONG_WITHIN, Means::WrongWithin),
    (RIGHT, Means::Right),
    (RIGHT_WITHIN, Means::RightWithin),
    (QUESTIONS, Means::Asks),
    (AGAIN, Means::Again),
];

/// All phrases, ready to be searched for in one pass: there are four hundred.
static PHRASES: LazyLock<(AhoCorasick, Vec<Means>)> = LazyLock::new(|| {
    let all = TABLES
        .iter()
        .flat_map(|(table, means)| phrases(table).map(|phrase| (phrase, *means)));
    let (phrases, means): (Vec<_>, Vec<_>) = all.unzip();
    let finder = AhoCorasick::new(phrases).expect("a few phrases make an automaton");
    (finder, means)
});

/// The phrases of a table, a text a language, as a list of them would be a line a phrase.
fn phrases(table: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    table.iter().flat_map(|language| language.split(" | "))
}

/// What the person says of what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Wrong,
    Right,
}

/// Reads the person's own words.
pub(super) fn word(words: &str) -> Option<Word> {
    if words.len() > LONGEST {
        return None;
    }
    let start: String = words.trim_start().chars().take(WITHIN).collect();
    let start = start.to_lowercase().replace(['’', '`'], "'");
    let heard = Heard::in_beginning(&start);
    if heard.wrong && (!heard.asks || heard.again) {
        return Some(Word::Wrong);
    }
    (heard.right && !is_question(&start)).then_some(Word::Right)
}

/// What phrases a beginning has.
#[derive(Debug, Default)]
struct Heard {
    wrong: bool,
    right: bool,
    asks: bool,
    again: bool,
}

impl Heard {
    fn in_beginning(start: &str) -> Self {
        let near = start.char_indices().nth(24);
        let near = near.map_or(start.len(), |(at, _)| at);
        let mut heard = Self::default();
        let (finder, means) = &*PHRASES;
        for found in finder.find_overlapping_iter(start) {
            let (at, end) = (found.start(), found.end());
            let is_word = || is_word(start, at, end - at);
            match means[found.pattern().as_usize()] {
                Means::Wrong => heard.wrong |= is_word(),
                Means::WrongWithin => heard.wrong = true,
                Means::Right => heard.right |= at == 0 && is_word() && is_praise(&start[end..]),
                Means::RightWithin => heard.right |= end <= near,
                Means::Asks => heard.asks |= at == 0 && is_word(),
                Means::Again => heard.again = true,
            }
        }
        heard
    }
}

/// `passt das so?` is a question.
fn is_question(start: &str) -> bool {
    let ends = start.find(['.', '!', '?', '？', '。', '！', '\n']);
    ends.is_some_and(|at| start[at..].starts_with(['?', '？']))
}

/// Whether a word of praise is one, by what follows it.
fn is_praise(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', ',']);
    !phrases(NOT_RIGHT).any(|it| starts(rest, it))
}

/// Whether a text begins with these words, and they end there.
fn starts(text: &str, words: &str) -> bool {
    text.starts_with(words) && is_word(text, 0, words.len())
}

fn is_word(text: &str, at: usize, length: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + length..].chars().next();
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !letter(before) && !letter(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_heard() {
        let wrong = [
            "it still fails with the same error",
            "That didn’t work.",
            "Still broken!",
            "no, that's not what I asked for",
            "you broke the login page",
            "why is this still not working?",
            "thanks, but it still crashes on start",
            "Geht immer noch nicht, gleicher Fehler",
            "ça ne marche toujours pas",
            "sigue sin funcionar",
            "ainda não funciona :(",
            "non funziona ancora",
            "werkt nog steeds niet",
            "nadal nie działa",
            "всё ещё не работает",
            "досі не працює",
            "hâlâ çalışmıyor",
            "还是报错",
            "まだエラーが出ます",
            "여전히 오류가 납니다",
            "यह अभी भी काम नहीं कर रहा",
            "لا يعمل",
        ];
        for words in wrong {
            assert_eq!(word(words), Some(Word::Wrong), "{words}");
        }
    }

    #[test]
    fn thanks_are_heard() {
        let right = [
            "thanks!",
            "Thank you, now add a test",
            "perfect. next: the footer",
            "LGTM",
            "it works, commit it",
            "Danke, passt",
            "merci beaucoup",
            "¡gracias!".trim_start_matches('¡'),
            "obrigado, funcionou",
            "grazie mille",
            "bedankt!",
            "dzięki",
            "спасибо, работает",
            "дякую",
            "teşekkürler",
            "谢谢，可以了",
            "ありがとうございます",
            "감사합니다",
            "धन्यवाद",
            "شكرا لك",
        ];
        for words in right {
            assert_eq!(word(words), Some(Word::Right), "{words}");
        }
    }

    #[test]
    fn near_misses_are_no_sign() {
        let neither = [
            "no thanks to the linter",
            "thanks to the cache this is slow; profile it",
            "why is this not working in the docs?",
            "add a test for the case that the server does not work offline",
            "great, but move it to utils",
            "nice try",
            "perfect square numbers up to n",
            "fix the typo in the readme. thanks!",
            "explain when it does not work",
            "rename thanks_page to thank_you_page",
            "typescript: add types",
            "greatest common divisor",
            "superclass of Foo",
            "classify the errors",
            "wie funktioniert das?",
            "passt das so?",
            "работает ли это на windows",
            "merci de corriger le total",
            "prima di tutto aggiungi un test",
            "great, except for the footer",
            "it works except on windows",
            "实现撤销功能",
            "warum geht nicht beides gleichzeitig?",
            "",
        ];
        for words in neither {
            assert_eq!(word(words), None, "{words}");
        }
        assert_eq!(word(&format!("still broken {}", "x ".repeat(1_000))), None);
    }
}
