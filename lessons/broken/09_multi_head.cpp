/// \file
/// Lesson 9, broken on purpose. Each version is trained on the tales of section 5, beside the
/// correct one.
#include <cmath>

#include "../lesson.h"
#include "../pronouns.h"
#include "gradus/arithmetic.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

namespace gradus::lessons {
namespace {

constexpr int64_t h = 4, d_model = 64;

double root(int64_t n) { return std::sqrt(static_cast<double>(n)); }

// (B, T, d_model) -> (B, h, T, d_k)
Tensor split_heads(const Tensor& x) {
  return transpose(reshape(x, {x.size(0), x.size(1), h, x.size(2) / h}), 1, 2);
}
Tensor split_by_view(const Tensor& x) {
  return reshape(x, {x.size(0), h, x.size(1), x.size(2) / h});
}

// (B, h, T, d_k) -> (B, T, d_model)
Tensor merge_heads(const Tensor& z) {
  return reshape(transpose(z, 1, 2), {z.size(0), z.size(2), h * z.size(3)});
}
Tensor merge_by_view(const Tensor& z) { return reshape(z, {z.size(0), z.size(2), h * z.size(3)}); }

// What can be wrong with it.
struct Version {
  Tensor (*split)(const Tensor&) = split_heads;
  Tensor (*merge)(const Tensor&) = merge_heads;
  bool mix = true;    // with W_O
  int64_t scale = 0;  // under the root; 0: d_k
};

struct Weights {
  Tensor W_Q, W_K, W_V, W_O;
};

Tensor scores(const Tensor& x, const Weights& w, const Version& v) {
  const Tensor q = v.split(matmul(x, w.W_Q)), k = v.split(matmul(x, w.W_K));
  return matmul(q, transpose(k)) / root(v.scale == 0 ? q.size(-1) : v.scale);
}

Tensor multi_head(const Tensor& x, const Weights& w, const Version& v) {
  const Array future = upper_triangle(x.size(1), x.size(1), 1);
  const Tensor p = softmax(masked_fill(scores(x, w, v), future, -INFINITY));
  const Tensor z = v.merge(matmul(p, v.split(matmul(x, w.W_V))));
  return v.mix ? matmul(z, w.W_O) : z;
}

// The model of the lesson, trained with one version: its loss on new tales, and how often it
// chooses the right one of "she", "he" and "it" if these weights are then used by another version.
struct Result {
  double loss, right;
};
Result train(Lesson& lesson, const Version& trained, const Version& used) {
  const Book book(three_subjects);
  Generator numbers(lesson.seed(), 1), tales(lesson.seed(), 2), new_tales(lesson.seed(), 3);
  const auto draw = [&](const Shape& shape, double deviation) {
    return parameter(deviation * randn(shape, numbers, DType::float64));
  };
  const Tensor E = draw({static_cast<int64_t>(book.ids.size()), d_model}, 0.02),
               P = draw({128, d_model}, 0.005);
  const auto matrix = [&](double factor) {
    return draw({d_model, d_model}, factor / root(d_model));
  };
  const Weights w{matrix(1), matrix(1), matrix(1), matrix(0.5)};
  const auto model = [&](const Array& words, const Version& version) {
    const Tensor x = embedding(E, words) + slice(P, 0, 0, words.size(1));
    return matmul(layer_norm(x + multi_head(layer_norm(x), w, version)), transpose(E));
  };
  const std::vector<nn::NamedParameter> parameters{{"E", E},       {"P", P},       {"W_Q", w.W_Q},
                                                   {"W_K", w.W_K}, {"W_V", w.W_V}, {"W_O", w.W_O}};
  constexpr int steps = 300;
  optim::AdamW adam(parameters, {.weight_decay = 0.01});
  const optim::WarmupCosine rate{.peak = 5e-3, .floor = 5e-4, .warmup = 30, .total = steps};
  lesson.repeat("training", steps, [&](int step) {
    const Batch batch = batch_of(book.stories(8, tales));
    for (const auto& [name, parameter] : parameters) parameter.zero_grad();
    const Tensor loss = cross_entropy(model(batch.words, trained), batch.next);
    loss.backward();
    optim::clip_grad_norm(parameters, 1);
    adam.step(rate(step));
    return fmt::format("loss {:.2f}", loss.item());
  });
  const NoGrad guard;
  const std::vector<Story> stories = book.stories(200, new_tales);
  const Batch batch = batch_of(stories);
  const Tensor all = model(batch.words, used);
  std::vector<Tensor> three;
  for (const std::string& word : pronoun_words) three.push_back(select(all, 2, book.ids.at(word)));
  const Array choice = argmax(stack(three, 2), 2);
  const double right = mean_score(stories, [&](size_t b, const Story&, const Pronoun& pronoun) {
    return choice.at({static_cast<int64_t>(b), pronoun.query}) == static_cast<double>(pronoun.kind);
  })[3];
  return {cross_entropy(all, batch.next).item(), right};
}

Result train_and_add(Lesson& lesson, viz::TableRows& rows, const char* name, const Version& trained,
                     const Version& used) {
  const Result result = train(lesson, trained, used);
  rows.push_back(row("{} | {:.3f} | {:.2f}", name, result.loss, result.right));
  return result;
}
Result train_and_add(Lesson& lesson, viz::TableRows& rows, const char* name,
                     const Version& version) {
  return train_and_add(lesson, rows, name, version, version);
}
const viz::TableRows header{{"300 steps of 8 tales", "loss on new ones", "right she, he, it"}};

Weights random_weights(Lesson& lesson, int64_t d) {
  const auto matrix = [&] { return Tensor(lesson.randn({d, d}) / root(d)); };
  return {matrix(), matrix(), matrix(), matrix()};
}

// How much the result of each of 8 tokens changes when token `which` is another one: (8)
Tensor reach(Lesson& lesson, const Weights& w, const Version& version, int64_t which) {
  const Tensor x(lesson.randn({1, 8, d_model}));
  std::vector<Tensor> tokens = split(x, 1, 1);
  tokens[static_cast<size_t>(which)] = Tensor(lesson.randn({1, 1, d_model}));
  const Tensor change = multi_head(concat(tokens, 1), w, version) - multi_head(x, w, version);
  return norm(select(change, 0, 0), {1});
}
double total(const Tensor& reach, int64_t begin, int64_t end) {
  return sum(slice(reach, 0, begin, end)).item();
}

void view(Lesson& lesson) {
  const Version correct, once{.split = split_by_view},
      twice{.split = split_by_view, .merge = merge_by_view};
  const Weights w = random_weights(lesson, d_model);
  lesson.say(
      R"(Each token looks only back. Of 8 tokens the last is replaced: how much does the result of
      each token change?)");
  const Tensor right = reach(lesson, w, correct, 7), wrong = reach(lesson, w, once, 7);
  lesson.show("correct", right);
  lesson.show("broken", wrong);
  lesson.symptom("tokens see what comes after them",
                 total(wrong, 0, 7) > 0.1 && total(right, 0, 7) == 0);
  viz::TableRows rows = header;
  const Result good = train_and_add(lesson, rows, "correct", correct),
               bad = train_and_add(lesson, rows, "reshape alone, in the split", once),
               hidden = train_and_add(lesson, rows, "in the split and in the merge", twice);
  lesson.table(rows);
  lesson.symptom("the loss is far worse, and the pronoun is right about half the time",
                 bad.loss > good.loss + 1 && std::abs(bad.right - 0.5) < 0.1);
  lesson.say(
      R"(The last row is the same mistake made twice. Head i is then not a piece of every token but
      the i-th quarter of the tale, cut into narrow rows; the merge puts them back where they were.
      Here the first of 8 tokens is replaced:)");
  const Tensor quarter = reach(lesson, w, twice, 0);
  lesson.show("broken twice", quarter);
  lesson.symptom("no token is seen beyond its own quarter", total(quarter, 2, 8) == 0);
  lesson.symptom("the loss hardly suffers, less than 0.1", hidden.loss < good.loss + 0.1);
  lesson.symptom("the pronoun does, where its noun is in another quarter",
                 hidden.right < good.right - 0.05);
  lesson.say(
      R"(Nothing crashes, the mask holds and the loss falls: a mistake that hides. The comparison
      with one head after the other finds both.)");
}

void no_output_matrix(Lesson& lesson) {
  const Version correct, broken{.mix = false};
  const Weights w = random_weights(lesson, d_model);
  const Tensor x(lesson.randn({1, 8, d_model}));
  const int64_t d_k = d_model / h;
  Weights other = w;  // other values for head 0
  other.W_V = concat({Tensor(lesson.randn({d_model, d_k})), slice(w.W_V, 1, d_k, d_model)}, 1);
  const auto change = [&](const Version& v) {
    const Tensor difference = multi_head(x, other, v) - multi_head(x, w, v);
    return std::pair(norm(slice(difference, 2, 0, d_k)).item(),
                     norm(slice(difference, 2, d_k, d_model)).item());
  };
  const auto [own, rest] = change(correct);
  const auto [own_broken, rest_broken] = change(broken);
  lesson.say(
      R"(Head 0 gets other values. How much does the result of 8 tokens change, and where? Each
      number is the length of the change: the root of the sum of its squares.)");
  lesson.table({{"", "in columns 0 to 15", "in the others"},
                row("correct | {:.2f} | {:.2f}", own, rest),
                row("without W_O | {:.2f} | {:.2f}", own_broken, rest_broken)});
  lesson.symptom("a head writes into its own columns only", rest_broken == 0 && rest > 0.1);
  viz::TableRows rows = header;
  const Result good = train_and_add(lesson, rows, "correct", correct),
               bad = train_and_add(lesson, rows, "without W_O", broken);
  lesson.table(rows);
  lesson.symptom("this model hardly suffers: the loss differs by less than 0.02",
                 std::abs(bad.loss - good.loss) < 0.02);
  lesson.symptom("and the pronouns are as right as before", bad.right > 0.97);
  lesson.say(
      R"(In one layer W_V can do what W_O would have done: the rows of E learn to be read where the
      heads write. It has a quarter fewer parameters in its attention, and no test of the loss would
      have told.)");
}

void d_model_in_scale(Lesson& lesson) {
  const Version correct, broken{.scale = d_model};
  const Weights w = random_weights(lesson, d_model);
  const Tensor x(lesson.randn({1, 8, d_model}));
  const auto deviation = [&](const Version& v) {
    return std::sqrt(mean(square(scores(x, w, v))).item());
  };
  lesson.say("The scores have, with the same weights, the size {:.2f} and {:.2f}.",
             deviation(correct), deviation(broken));
  lesson.symptom("the scores are √h = 2 times too small",
                 std::abs(deviation(correct) / deviation(broken) - root(h)) < 1e-12);
  Weights larger = w;
  larger.W_Q = root(h) * w.W_Q;
  lesson.symptom(
      "a W_Q that is √h times larger makes up for it exactly",
      largest_difference(multi_head(x, larger, broken), multi_head(x, w, correct)) < 1e-12);
  viz::TableRows rows = header;
  const Result good = train_and_add(lesson, rows, "correct", correct),
               bad = train_and_add(lesson, rows, "divided by √d_model", broken);
  const Result spoiled =
      train_and_add(lesson, rows, "trained by √d_k, used with √d_model", correct, broken);
  lesson.table(rows);
  lesson.symptom("trained this way it hardly suffers: the loss differs by less than 0.02",
                 std::abs(bad.loss - good.loss) < 0.02);
  lesson.symptom("weights that were trained with √d_k lose a little, less than 0.05",
                 spoiled.loss > good.loss && spoiled.loss < good.loss + 0.05);
  lesson.symptom("only the numbers themselves tell: with equal weights the results differ",
                 largest_difference(multi_head(x, w, broken), multi_head(x, w, correct)) > 0.1);
  lesson.say(
      R"(W_Q is learned, so a constant factor is learned with it, and where a head is sure of itself
      a softer row still has its maximum in the same place. A slip in the scale is found by
      comparing outputs with those of a version that is known to be right, as section 2 does with
      the library, and by hardly anything else.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {
      {"view-instead-of-transpose", "Heads are split by reshape alone.", view},
      {"no-W_O", "The heads are concatenated, and that is the result.", no_output_matrix},
      {"d_model-in-scale", "The scores are divided by √d_model, not by √d_k.", d_model_in_scale}};
}

}  // namespace gradus::lessons
