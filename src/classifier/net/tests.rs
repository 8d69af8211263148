//! What the net says, and what it refuses.

use super::*;
use crate::domain::dialect::Endpoint;
use crate::domain::tokens::TokenCount;

/// Small numbers that look random and are the same each time.
fn numbers(count: usize, seed: u32, size: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f32 / u32::MAX as f32 - 0.5) * size
    };
    (0..count).map(|_| next()).collect()
}

fn small() -> Shape {
    Shape {
        rows: 1_024,
        ..Shape::default()
    }
}

fn tensors(shape: &Shape, seed: u32, size: f32) -> HashMap<String, Tensor> {
    let tensor = |(name, dims): (String, Vec<usize>)| {
        let count = dims.iter().product();
        let tensor = Tensor::from_vec(numbers(count, seed, size), dims, &Device::Cpu);
        (name, tensor.expect("a tensor"))
    };
    shape.tensors().into_iter().map(tensor).collect()
}

fn net(seed: u32, size: f32) -> Net {
    Net::new(&small(), tensors(&small(), seed, size)).expect("a net")
}

fn ask(net: &Net, text: &str) -> Classification {
    net.answer(&Features::of_text(text, 1_024))
}

#[test]
fn members_side_by_side_say_what_they_say_one_by_one() {
    let shape = small();
    let tensors = tensors(&shape, 7, 1.0);
    let net = Net::new(&shape, tensors.clone()).expect("a net");
    let features = Features::of_text("why does this test fail on main?", 1_024);

    let class = net.answer(&features);

    let bag = net.pieces.sum(&features.rows, &features.weights);
    let dense = standard(&features.dense, &net.hard_standard.0, &net.hard_standard.1);
    let get = |name: &str| {
        tensors[name]
            .flatten_all()
            .expect("flat")
            .to_vec1::<f32>()
            .expect("numbers")
    };
    let (hidden, bias, out) = (get("hard.hidden"), get("hard.hidden_bias"), get("hard.out"));
    let (straight, last) = (get("hard.straight"), get("hard.out_bias"));
    let (high, wide) = (shape.hidden, shape.width + DENSE);
    let mut mean = last[0] + bag[shape.hard_width()];
    for (at, number) in dense.iter().enumerate() {
        mean += number * straight[2 * at];
    }
    for member in 0..shape.members {
        let own = &bag[member * shape.width..(member + 1) * shape.width];
        for unit in 0..high {
            let mut sum = bias[member * high + unit];
            for (at, number) in own.iter().chain(&dense).enumerate() {
                sum += number * hidden[(member * wide + at) * high + unit];
            }
            mean += sum.tanh() * out[(member * high + unit) * 2] / shape.members as f32;
        }
    }
    let unlike = net.unlike(&features.pairs);
    let told = bounded(mean) * claimed(UNLIKE * unlike * unlike);
    assert!((class.difficulty - told).abs() < 1e-4);
}

#[test]
fn no_weights_and_no_text_leave_the_bounds() {
    for (seed, size) in [(1, 0.1), (2, 10.0), (3, 1_000.0)] {
        let net = net(seed, size);
        for text in ["", "fix", "trivial ".repeat(900).as_str(), "\u{0}\u{ffff}"] {
            let class = ask(&net, text);
            assert!(
                class.difficulty.abs() <= 3.0 && class.variance > 0.04 && class.variance < 24.0
            );
            assert!(class.confidence > 0.0 && class.confidence <= 1.0);
            assert!(class.output_low <= class.output && class.output <= class.output_high);
            assert_ne!(class.task, class.second);
        }
    }
}

#[test]
fn a_limit_of_output_bounds_what_is_expected() {
    let (text, outline) = Input::bare("write a parser");
    let input = Input {
        endpoint: Endpoint::Chat,
        text: &text,
        outline: &outline,
        max_output: Some(TokenCount(3)),
    };

    let class = net(1, 0.1).classify(&input);

    assert!(class.output_high <= TokenCount(3));
}

#[test]
fn unknown_pairs_widen_the_belief_and_draw_it_to_the_middle() {
    let mut all = tensors(&small(), 5, 0.1);
    let known =
        |set: f32| Tensor::full(set, MARKS / MARKS_A_NUMBER, &Device::Cpu).expect("a tensor");
    all.insert("pieces.known".to_owned(), known(255.0));
    let like = Net::new(&small(), all.clone()).expect("a net");
    all.insert("pieces.known".to_owned(), known(0.0));
    let unlike = Net::new(&small(), all).expect("a net");
    let text = "rename the field in all of the callers of this module and run the tests";

    let (like, unlike) = (ask(&like, text), ask(&unlike, text));

    assert!(unlike.variance > like.variance + 1.0);
    assert!(unlike.difficulty.abs() < like.difficulty.abs() / 2.0);
    assert_eq!(unlike.difficulty.signum(), like.difficulty.signum());
}

#[test]
fn a_missing_tensor_is_named() {
    let mut all = tensors(&small(), 1, 0.1);
    all.remove("kind.out");

    let error = Net::new(&small(), all).expect_err("no net");

    assert_eq!(error.to_string(), "there is no tensor kind.out");
    let odd = Shape {
        rows: 1_000,
        ..small()
    };
    assert!(Net::new(&odd, tensors(&odd, 1, 0.1)).is_err());
}

#[test]
fn every_half_is_widened_to_the_same_number() {
    let halves: Vec<u16> = (0..=u16::MAX).filter(|it| it & 0x7c00 != 0x7c00).collect();
    let bytes: Vec<u8> = halves.iter().flat_map(|it| it.to_le_bytes()).collect();
    let library = Tensor::from_raw_buffer(&bytes, DType::F16, &[halves.len()], &Device::Cpu);
    let library = library.and_then(|it| plain(&it)).expect("numbers");

    for (half, library) in halves.into_iter().zip(library) {
        assert_eq!(table::widened(half).to_bits(), library.to_bits());
    }
}

#[test]
fn a_layer_by_hand_is_a_product_of_tensors() {
    let tensor = |dims: [usize; 2], seed| {
        let count = dims[0] * dims[1];
        Tensor::from_vec(numbers(count, seed, 1.0), dims.to_vec(), &Device::Cpu).expect("a tensor")
    };
    let (weight, bias, input) = (tensor([71, 48], 1), tensor([1, 48], 2), tensor([1, 71], 3));
    let product = input.matmul(&weight).and_then(|it| (it + &bias)?.tanh());
    let inputs = plain(&input).expect("numbers");

    let ours = Layer::new(&weight, &bias)
        .expect("a layer")
        .bent(&[&inputs[..16], &inputs[16..]]);

    let theirs = plain(&product.expect("a product")).expect("numbers");
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-5));
}
