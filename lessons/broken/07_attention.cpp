/// \file
/// Lesson 7, broken on purpose. Each function has the correct line and the broken one beside it.
#include <cmath>

#include "../lesson.h"

namespace gradus::lessons {
namespace {

const std::vector<std::string> words{"The", "cat", "sat", "on", "the", "mat"};
const Axes query_by_key{"query", "key", words, words};

Tensor correct_weights(const Tensor& q, const Tensor& k) {
  return softmax(matmul(q, transpose(k)) / std::sqrt(static_cast<double>(q.size(-1))));
}

double entropy(const Tensor& p) {  // mean over the rows, in nats
  return -mean(sum(p * log(clamp(p, 1e-300, 1)), {1})).item();
}

void no_scale(Lesson& lesson) {
  const Tensor q(lesson.randn({6, 64})), k(lesson.randn({6, 64}));
  const Tensor correct = correct_weights(q, k), broken = softmax(matmul(q, transpose(k)));
  lesson.compare("P, d_k = 64", correct, broken, query_by_key);
  lesson.say("The entropy of a row, log 6 = 1.79 at most: {:.2f} and {:.2f} nats.",
             entropy(correct), entropy(broken));
  lesson.symptom("most rows are almost one-hot", entropy(broken) < 0.5 && entropy(correct) > 1.2);
  lesson.say(
      R"(Nothing crashes, and every gradient is right for what is computed. But the model begins with
      its mind made up: for the usual query the gradient of Q and K is smaller, for a few it is many
      times too large (section 3).)");
}

void wrong_axis(Lesson& lesson) {
  const Tensor q(lesson.randn({6, 4})), k(lesson.randn({6, 4}));
  const auto weights = [](const Tensor& a, const Tensor& b) {
    return softmax(matmul(a, transpose(b)) / 2, 0);
  };
  const Tensor correct = correct_weights(q, k), broken = weights(q, k);
  lesson.compare("P", correct, broken, query_by_key);
  lesson.show("sum of each row, broken", sum(broken, {1}), {"", "", {}, words});
  lesson.symptom("rows do not sum to 1",
                 largest_difference(sum(broken, {1}), sum(correct, {1})) > 0.1);
  lesson.symptom("columns do: queries compete for a key, where keys should compete for a query",
                 largest_difference(sum(broken, {0}), sum(correct, {1})) < 1e-12);
  lesson.gradcheck("softmax over the queries",
                   [&](const std::vector<Tensor>& x) { return weights(x[0], x[1]); },
                   {{"Q", q.value()}, {"K", k.value()}});
  lesson.say(
      R"(The gradient check below passes: it is the right gradient of the wrong function. It cannot find
      this slip; the sums of the rows and the loops of section 2 do.)");
}

void k_not_transposed(Lesson& lesson) {
  try {
    matmul(Tensor(lesson.randn({6, 4})), Tensor(lesson.randn({6, 4})));
    lesson.symptom("Q K is refused", false);
  } catch (const Error& error) {
    lesson.text(error.what());
    lesson.symptom("Q K is refused: the shapes do not fit", true);
  }
  lesson.say(
      R"(Unless there are as many tokens as features, T = d_k = 6. Then it runs. One symptom is left:
      true weights move with their tokens, so the reversed sentence has the reversed map.)");
  const Tensor q(lesson.randn({6, 6})), k(lesson.randn({6, 6}));
  const auto weights = [](const Tensor& a, const Tensor& b) {
    return softmax(matmul(a, b) / std::sqrt(6.0));
  };
  lesson.compare("P, d_k = T", correct_weights(q, k), weights(q, k), query_by_key);
  const auto reversed = [](const Tensor& t) {
    return index_select(t, 0, Array::of_indices({5, 4, 3, 2, 1, 0}, {6}));
  };
  const Tensor expected =
      index_select(reversed(weights(q, k)), 1, Array::of_indices({5, 4, 3, 2, 1, 0}, {6}));
  lesson.symptom("reversed tokens do not give the reversed map",
                 largest_difference(weights(reversed(q), reversed(k)), expected) > 0.1);
  lesson.say(
      R"(A score is now a query times one feature of all tokens. Distinct sizes in a test (T = 6, d_k = 4)
      make such a slip an error; equal ones hide it.)");
}

// Formulas found in print, with A' = A (1 - A).
Tensor textbook_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  const Tensor a = correct_weights(q.detach(), k.detach());
  return record("textbook", matmul(a, v.detach()).value(), {q, k, v},
                [q = saved(q), v = saved(v), a = saved(a)](const Array& d, Inputs in) {
                  const Tensor Q(*q), V(*v), A(*a), dO(d);
                  in.add(0, matmul(dO, matmul(A, transpose(V))).value());
                  in.add(1, matmul(dO, matmul(transpose(Q), A * (1 - A))).value());
                  in.add(2, matmul(dO, transpose(A)).value());
                });
}

void textbook(Lesson& lesson) {
  lesson.equation("dQ = dO (A V^T),   dK = dO (Q^T A'),   dV = dO A^T");
  lesson.say(
      R"(A stands for P, and A' for A (1 - A), the slope of a sigmoid, as if softmax worked on each element
      by itself. The right formulas are those of section 4. With T = 6 tokens and d = 4 the first
      product is refused:)");
  try {
    Tensor q = parameter(lesson.randn({6, 4})), k(lesson.randn({6, 4})), v(lesson.randn({6, 4}));
    sum(textbook_attention(q, k, v)).backward();
    lesson.symptom("the shapes do not fit", false);
  } catch (const Error& error) {
    lesson.text(error.what());
    lesson.symptom("the shapes do not fit", true);
  }
  lesson.say(
      R"(By accident they fit when T = d. Then only the numbers tell. dQ lacks K altogether, dK has a
      sigmoid's slope in place of softmax's, both lack the scale, and dV multiplies by A from the
      wrong side.)");
  lesson.trained({1e-8, 1e-6});  // differences have a last digit that depends on the machine
  lesson.caught(
      "the textbook's attention",
      [](const std::vector<Tensor>& x) { return textbook_attention(x[0], x[1], x[2]); },
      {{"Q", lesson.randn({3, 3})}, {"K", lesson.randn({3, 3})}, {"V", lesson.randn({3, 3})}});
}

}  // namespace

std::vector<Break> breaks() {
  return {{"no-scale", "The scores are not divided by √d_k.", no_scale},
          {"wrong-axis", "Softmax runs over the queries, axis 0, not over the keys.", wrong_axis},
          {"k-not-transposed", "The scores are Q K, not Q K^T.", k_not_transposed},
          {"textbook", "The backward has formulas that one meets in print.", textbook}};
}

}  // namespace gradus::lessons
