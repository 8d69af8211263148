//! Whatever policies say and however a call asks: what a data rule forbids is in no plan.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::random;
use super::*;
use crate::catalog::{CacheRule, Charge, Price, Rates, Rent, Token};
use crate::domain::belief::Skills;
use crate::domain::clock::Timestamp;
use crate::domain::facts::Task;
use crate::domain::money::{HourPrice, TokenPrice};

/// Two own models and three of a provider, which speak everything.
fn house() -> Catalog {
    let mut catalog = Catalog::default();
    let spoken = [
        Dialect::Chat,
        Dialect::Responses,
        Dialect::Messages,
        Dialect::Completions,
    ];
    for (index, id) in random::MODELS.into_iter().enumerate() {
        let own = index < 2;
        let (target, hosting) = match own {
            true => (random::TARGETS[0], Hosting::Own),
            false => (random::TARGETS[1], Hosting::Vendor),
        };
        let target = Arc::new(Target::new(
            target.into(),
            hosting,
            spoken.to_vec(),
            "http://x",
        ));
        let model = Model {
            id: id.into(),
            name: id.into(),
            window: Some(TokenCount(if own { 60_000 } else { 200_000 })),
            shared_window: own,
            max_output: None,
            // Of one nobody said what it can do.
            can: if index == 4 {
                Vec::new()
            } else {
                Ability::ALL.to_vec()
            },
            like: None,
            skills: Skills::default(),
            billing: billing(index),
            target: Arc::clone(&target),
        };
        catalog.targets.insert(target.id.clone(), target);
        catalog.order.push(model.id.clone());
        catalog.models.insert(model.id.clone(), Arc::new(model));
    }
    catalog
}

/// Own models cost rent, two of the provider's so much a token; of one nobody said.
fn billing(index: usize) -> Billing {
    let price = |input: u64| {
        let rates = Rates {
            input: TokenPrice(input * 1_000_000),
            cache_read: Some(TokenPrice(input * 100_000)),
            cache_write_short: Some(TokenPrice(input * 1_250_000)),
            cache_write_long: None,
            output: TokenPrice(input * 5_000_000),
        };
        let token = Token {
            base: rates,
            ..Token::default()
        };
        Billing::Sheet(Arc::new([Arc::new(Price {
            id: "m@always".into(),
            from: Timestamp::from_millis(0),
            source: None,
            window: None,
            max_output: None,
            can: Vec::new(),
            cache: CacheRule::default(),
            charge: Charge::Token(Box::new(token)),
        })]))
    };
    match index {
        0 | 1 => Billing::Rent {
            rent: Rent {
                hour: HourPrice::parse("3.50").expect("a price"),
                gpus: 2,
                energy: Rent::ENERGY,
            },
            id: "m@rent".into(),
        },
        2 => price(3),
        3 => price(5),
        _ => Billing::Unknown,
    }
}

fn any_policy(id: &'static str) -> impl Strategy<Value = Policy> {
    let models = proptest::sample::subsequence(random::MODELS.to_vec(), 1..=5);
    let of_task = proptest::option::of((select(Task::ALL), random::rule()));
    let answers = select(&["auto", "*", "claude-*"][..]);
    (models, random::rules(), of_task, any::<bool>(), answers).prop_map(
        move |(models, rules, of_task, all, answers)| {
            let models: Vec<ModelId> = models.into_iter().map(ModelId::from).collect();
            let listed = if all {
                Models::All(models)
            } else {
                Models::Listed(models)
            };
            // A kind of work has no condition, and guards nothing.
            let tasks = of_task.map(|(task, rule)| TaskRule {
                task,
                models: None,
                rule: Rule {
                    when: None,
                    otherwise: Otherwise::Fail,
                    ..rule
                },
            });
            Policy {
                rules,
                tasks: tasks.into_iter().collect(),
                ..Policy::plain(id.into(), vec![Glob::new(answers)], listed)
            }
        },
    )
}

#[derive(Clone, Debug)]
struct Scene {
    default: Policy,
    team: Policy,
    ci: Policy,
    extra: Policy,
    facts: Facts,
    header: Option<&'static str>,
    forced: Option<&'static str>,
}

impl Scene {
    fn policies(&self) -> Policies {
        let mut policies = Policies::new(self.default.clone());
        policies.add(self.team.clone(), vec!["acme".into()], Vec::new());
        policies.add(self.ci.clone(), Vec::new(), vec!["k1".into()]);
        policies.add(self.extra.clone(), Vec::new(), Vec::new());
        policies
    }

    /// By the words of the language, not by the code: the tenant's, the key's and the one that was asked for.
    fn binding(&self) -> Vec<&Policy> {
        let mut binding = vec![match self.facts.tenant.as_str() {
            "acme" => &self.team,
            _ => &self.default,
        }];
        if self.facts.key.as_str() == "k1" {
            binding.push(&self.ci);
        }
        let all = [&self.default, &self.team, &self.ci, &self.extra];
        let asked = all
            .into_iter()
            .filter(|it| Some(it.id.as_str()) == self.header);
        binding.extend(asked);
        binding
    }

    fn forbids(&self, model: &Model) -> bool {
        let rules = self.binding().into_iter().flat_map(|policy| &policy.rules);
        let mut guards = rules.filter(|rule| {
            let speaks = rule.when.as_ref().is_none_or(|it| it.holds(&self.facts));
            rule.otherwise == Otherwise::Refuse && speaks
        });
        let among = |it: &Option<Selector>| it.as_ref().map(|it| it.fits(model));
        guards.any(|rule| {
            among(&rule.only) == Some(false)
                || among(&rule.pin) == Some(false)
                || among(&rule.never) == Some(true)
        })
    }

    fn beside(&self) -> Beside {
        let facts = &self.facts;
        Beside {
            at: facts.at,
            endpoint: facts.endpoint,
            tenant: facts.tenant.clone(),
            key: facts.key.clone(),
            asked: Arc::clone(&facts.asked),
            tags: facts.tags.clone(),
            session: facts.session.clone(),
            task: facts.class.task,
            policy: "default".into(),
            rule: None,
            reason: String::new(),
        }
    }

    fn plan_for(&self, setting: &Setting, scope: Option<&[String]>) -> Result<Plan, Refusal> {
        let fits = |name: &str| {
            let globs = scope.map(|it| it.iter().map(|pattern| Glob::new(pattern)));
            globs.is_none_or(|mut globs| globs.any(|glob| glob.matches(name)))
        };
        let (tenant, key) = (&self.facts.tenant, &self.facts.key);
        let ruling = setting.policies.ruling(tenant, key, self.header);
        let ruling = ruling.expect("it is there");
        match self.forced {
            Some(name) => force(&ruling, &setting.catalog, &self.facts, name, &fits),
            None => super::super::decide(&ruling, &setting.catalog, &self.facts, &fits),
        }
    }

    fn plan(&self, catalog: &Catalog) -> Result<Plan, Refusal> {
        let (tenant, key) = (&self.facts.tenant, &self.facts.key);
        let policies = self.policies();
        let ruling = policies
            .ruling(tenant, key, self.header)
            .expect("it is there");
        match self.forced {
            Some(name) => force(&ruling, catalog, &self.facts, name, ANYONE),
            None => super::super::decide(&ruling, catalog, &self.facts, ANYONE),
        }
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let header = select(&["default", "team", "ci", "extra"][..]);
    let down = proptest::sample::subsequence(random::TARGETS.to_vec(), 0..=2);
    let policies = (
        any_policy("default"),
        any_policy("team"),
        any_policy("ci"),
        any_policy("extra"),
    );
    let call = (
        random::facts(),
        down,
        proptest::option::of(header),
        proptest::option::of(select(&random::MODELS[..])),
    );
    (policies, call).prop_map(
        |((default, team, ci, extra), (facts, down, header, forced))| Scene {
            default,
            team,
            ci,
            extra,
            facts: Facts {
                down: down.into_iter().map(Into::into).collect(),
                ..facts
            },
            header,
            forced,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn what_a_data_rule_forbids_is_in_no_plan(scene in scene()) {
        let catalog = house();
        let planned = scene.plan(&catalog);
        if let Ok(plan) = &planned {
            let asked = plan.candidates.iter().map(|it| &it.model).chain(&plan.shadow);
            for model in asked {
                prop_assert!(!scene.forbids(model), "{} in {plan:?}", model.id);
            }
            prop_assert!(!plan.candidates.is_empty());
        }
        // Nor is it said to be forbidden where it is not.
        let rejected = match planned {
            Ok(plan) => plan.rejected,
            Err(Refusal::NoRoute { rejected }) => rejected,
            Err(_) => Vec::new(),
        };
        for (id, why) in rejected {
            let forbidden = scene.forbids(&catalog.models[&id]);
            prop_assert_eq!(matches!(why, Why::Guarded(_)), forbidden, "{}: {}", id, why);
        }
    }

    #[test]
    fn what_the_margin_forbids_answers_only_where_all_may_not_fit(scene in scene()) {
        let facts = &scene.facts;
        // How long it is may be asked of anything.
        prop_assume!(facts.endpoint != Endpoint::CountTokens);
        let Ok(plan) = scene.plan(&house()) else { return Ok(()) };
        let fits = |model: &Model, far: fn(&Length, TokenCount) -> TokenCount| {
            let answer = facts.max_output.unwrap_or(facts.class.output);
            let room = match facts.endpoint {
                Endpoint::Embeddings => TokenCount(0),
                _ => model.room(answer),
            };
            let prompt = far(&facts.outlook.length(&model.id), facts.prompt);
            let window = facts.outlook.window(&model.id, model.window);
            window.is_none_or(|window| prompt + room <= window)
        };
        let bound = |model: &Model| facts.standing.bound && facts.standing.current.as_ref() == Some(&model.id);
        let up = || plan.candidates.iter().filter(|it| !it.down && !bound(&it.model));
        let sure = up().any(|it| fits(&it.model, Length::most));
        for candidate in up() {
            prop_assert!(fits(&candidate.model, Length::least), "{}", candidate.model.id);
            prop_assert!(!sure || fits(&candidate.model, Length::most), "{}", candidate.model.id);
        }
    }

    #[test]
    fn what_is_written_down_is_decided_again(scene in scene(), scope in proptest::option::of(select(&["base*", "*o*", "opus"][..]))) {
        let scope = scope.map(|pattern| vec![pattern.to_owned()]);
        let (setting, written) = Setting::new(Arc::new(scene.policies()), Arc::new(house()), "net@1");
        let decided = scene.plan_for(&setting, scope.as_deref());
        let asked = Asked { policy: scene.header, forced: scene.forced, scope: scope.as_deref() };
        let ruling = scene.policies().ruling(&scene.facts.tenant, &scene.facts.key, scene.header).expect("it is there");
        let made = match &decided {
            Ok(plan) => Made::Plan(plan, &ruling.policy.objective),
            Err(_) => Made::Refused("refused"),
        };
        let text = Logged::of(&setting, &scene.facts, &scene.facts.asked, &asked, made).text();

        let logged = Logged::read(text.get()).expect("it reads back");
        let setting = Setting::restore(&written).expect("it reads back");
        let facts = logged.facts(&scene.beside(), &setting).expect("of this setting");
        prop_assert_eq!(&facts, &scene.facts);
        match (decided, logged.decide(&facts, &setting.policies, &setting.catalog)) {
            (Ok(first), Ok(again)) => {
                let terms = |plan: &Plan| plan.candidates.iter().map(|it| (it.model.id.clone(), it.down, it.score)).collect::<Vec<_>>();
                prop_assert_eq!(terms(&first), terms(&again));
                let texts = [&first, &again].map(|plan| plan.explanation(&facts).get().to_owned());
                prop_assert_eq!(&texts[0], &texts[1]);
                prop_assert!(logged.agrees(&again, &setting));
                let beside = Beside { policy: first.policy.clone(), rule: first.rule.clone(), ..scene.beside() };
                let told = logged.explanation(&beside, &setting).expect("of this setting");
                let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
                let (told, wanted) = (read(told.get()), read(&texts[0]));
                for part in ["asked", "policy", "rule", "failover", "propensity", "rejected", "rules", "objective", "shadow", "facts"] {
                    prop_assert_eq!(&told[part], &wanted[part], "{}", part);
                }
            }
            (Err(first), Err(Unmade::Refusal(again))) => prop_assert_eq!(first, again),
            (first, again) => prop_assert!(false, "{:?} and then {:?}", first, again),
        }
    }

    #[test]
    fn the_same_call_is_decided_the_same_way(scene in scene()) {
        let catalog = house();
        let (once, again) = (scene.plan(&catalog), scene.plan(&catalog));
        match (once, again) {
            (Ok(once), Ok(again)) => {
                let texts = [once, again].map(|plan| plan.explanation(&scene.facts).get().to_owned());
                prop_assert_eq!(&texts[0], &texts[1]);
            }
            (once, again) => prop_assert_eq!(once.err(), again.err()),
        }
    }
}
