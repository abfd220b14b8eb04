// The tales: what their grammar says of them is true.
#include "gradus/data/tales.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace gradus::data {
namespace {

constexpr int count = 2000;

std::string_view in(const Tale& tale, Span span) {
  return std::string_view(tale.text).substr(span.begin, span.end - span.begin);
}

TEST(Tales, EntropyIsThatOfTheTalesItTells) {
  // Mean and standard error of -log p and of the length, from many tales.
  const Tales tales;
  Generator generator(5);
  double nats = 0, nats_squared = 0, length = 0, length_squared = 0;
  constexpr int many = 20'000;
  for (int i = 0; i < many; ++i) {
    const Tale tale = tales.tell(generator);
    const double n = -tale.log_probability, l = static_cast<double>(tale.text.size()) + 2;
    nats += n / many, nats_squared += n * n / many;
    length += l / many, length_squared += l * l / many;
  }
  const auto error = [](double mean, double squares) {
    return std::sqrt((squares - mean * mean) / many);
  };
  EXPECT_NEAR(tales.nats(), nats, 4 * error(nats, nats_squared));
  EXPECT_NEAR(tales.characters(), length, 4 * error(length, length_squared));
  EXPECT_LT(error(nats, nats_squared), 0.003 * nats);  // the comparison above means something
}

TEST(Tales, EveryTaleHasExactlyOneReading) {
  // Otherwise the entropy of the texts would be less than that of the choices.
  const Tales tales;
  Generator generator(6);
  for (int i = 0; i < count / 4; ++i) {
    const Tale tale = tales.tell(generator);
    EXPECT_EQ(tales.readings(tale.text), 1u) << tale.text;
    EXPECT_NEAR(tales.log_probability(tale.text), tale.log_probability, 1e-9) << tale.text;
  }
}

TEST(Tales, ChoicesThatGiveOneTextAreCounted) {
  const Tales twice("tale:\n  {word} {~word}\nword:\n  hat\n  hat\nAnna = Ann\nOtto = Otto\n");
  EXPECT_EQ(twice.readings("Hat hat"), 4u);
  EXPECT_NEAR(twice.log_probability("Hat hat"), 0, 1e-12);
}

TEST(Tales, AcceptsItsOwnSentencesAndNoOthers) {
  const Tales tales;
  Generator generator(7);
  for (int i = 0; i < count / 4; ++i) {
    const Tale tale = tales.tell(generator);
    for (const std::string_view sentence : sentences(tale.text))
      EXPECT_TRUE(tales.accepts(sentence)) << sentence;
  }
  EXPECT_TRUE(tales.accepts("The cat sat on the mat.") || tales.accepts("The cat lay on the mat."));
  for (const char* wrong : {"", "The cat sat on the mat", "the cat lay on the mat.",
                            "The cat lay on the mat. ", "She got the.", "She got hat the.",
                            "The hens was shy.", "The hen were shy.", "Hello world."})
    EXPECT_FALSE(tales.accepts(wrong)) << wrong;
}

TEST(Tales, TheCatSatOnTheMat) { EXPECT_TRUE(Tales().accepts("The cat sat on the mat.")); }

TEST(Tales, CountsTheAcceptedSentencesOfAText) {
  const Acceptance acceptance = Tales().acceptance(
      "at off. The cat lay on the mat. The cat lay on the mut. \"Bodufo!\" said she. So she was");
  EXPECT_EQ(acceptance.sentences, 3u);
  EXPECT_EQ(acceptance.accepted, 2u);
  EXPECT_EQ(Acceptance().share(), 0);
}

TEST(Tales, ALineEndsASentenceThatHasNoFullStop) {
  const std::vector<std::string_view> expected{"A heading", "She was sad.", "\"Oh. No!\" said he.",
                                               "And"};
  EXPECT_EQ(sentences("A heading\n\nShe was sad.\n\"Oh. No!\" said he. And"), expected);
}

TEST(Tales, ANameThatIsSaidAgainIsTheSame) {
  const Tales tales("tale:\n  {Anna} saw {Otto}, {Anna} ran\nAnna = Ann, Eva\nOtto = Tom\n");
  EXPECT_EQ(tales.readings("Eva saw Tom, Eva ran"), 1u);
  EXPECT_EQ(tales.readings("Eva saw Tom, Ann ran"), 0u);
  EXPECT_NEAR(tales.log_probability("Eva saw Tom, Eva ran"), std::log(0.5), 1e-12);
}

TEST(Tales, APronounStandsForTheNounBeforeIt) {
  const std::string names = "Anna = Ann\nOtto = Tom\n";
  Generator generator(10);
  const Tale tale =
      Tales("tale:\n  {Otto} ran, {the boy} fell on {his} hat\n" + names).tell(generator);
  EXPECT_EQ(tale.text, "Tom ran, the boy fell on his hat");
  ASSERT_EQ(tale.references.size(), 1u);
  EXPECT_EQ(in(tale, tale.references[0].noun), "the boy");
  const std::string turned = "tale:\n  {~part}\npart:\n  {the boy} fell on {his} hat\n";
  EXPECT_EQ(Tales(turned + names).tell(generator).text, "The girl fell on her hat");
}

TEST(Tales, PronounsStandForWhatTheyStandFor) {
  const Tales tales;
  Generator generator(8);
  int references = 0;
  const std::set<std::string_view> hers{"she", "She", "her", "Her"},
      his{"he", "He", "him", "his", "His"};
  for (int i = 0; i < count; ++i) {
    const Tale tale = tales.tell(generator);
    for (const Reference& r : tale.references) {
      const std::string_view pronoun = in(tale, r.pronoun), noun = in(tale, r.noun);
      ++references;
      EXPECT_LE(r.noun.end, r.pronoun.begin) << tale.text;
      // Girls' names end in a and boys' in o: the pronoun of one never stands for the other.
      if (hers.contains(pronoun)) {
        EXPECT_TRUE(noun.ends_with('a') || noun.ends_with("girl")) << noun << " | " << tale.text;
      }
      if (his.contains(pronoun)) {
        EXPECT_TRUE(noun.ends_with('o') || noun.ends_with("boy")) << noun << " | " << tale.text;
      }
      if (pronoun == "it") {
        EXPECT_NE(noun.find(' '), std::string_view::npos) << noun << " | " << tale.text;
      }
    }
  }
  EXPECT_GT(references, 5 * count);
}

TEST(Tales, VerbsAgreeWithTheirSubjects) {
  const Tales tales;
  Generator generator(9);
  int plurals = 0, singulars = 0;
  for (int i = 0; i < count; ++i) {
    const Tale tale = tales.tell(generator);
    for (const Agreement& a : tale.agreements) {
      EXPECT_EQ(in(tale, a.verb), a.plural ? "were" : "was") << tale.text;
      EXPECT_EQ(in(tale, a.subject).ends_with('s'), a.plural) << tale.text;
      ++(a.plural ? plurals : singulars);
    }
  }
  EXPECT_GT(plurals, 100);
  EXPECT_GT(singulars, 100);
}

TEST(Tales, ASeedMakesAText) {
  const std::string text = tales_text(1, 100'000);
  EXPECT_EQ(text, tales_text(1, 100'000));
  EXPECT_NE(text, tales_text(2, 100'000));
  EXPECT_GE(text.size(), 100'000u);
  EXPECT_LT(text.size(), 101'000u);
  std::set<std::string> words;
  std::string word;
  for (const char c : text)
    if (std::isalpha(static_cast<unsigned char>(c)))
      word += c;
    else if (!word.empty())
      words.insert(std::exchange(word, {}));
  EXPECT_GT(words.size(), 300u);
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .,!?\"'\n"),
      std::string::npos);
}

TEST(Tales, RefusesRulesThatMakeNoSense) {
  EXPECT_THROW(Tales("tale:\n  {nowhere}\n"), Error);
  EXPECT_THROW(Tales("tale:\n  {tale}\n"), Error);
}

}  // namespace
}  // namespace gradus::data
