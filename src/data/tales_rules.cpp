#include "gradus/data/tales.h"

namespace gradus::data {

// The notation. `name:` begins a rule, each line below it is one way to write it; `name = a, b` is
// the same in one line.
//
//   3* text           three times as likely as a way without a number
//   {name}            one of that rule's ways; {names} or {name#} its plural (cat, mouse/mice)
//   {Anna} {Otto}     the girl's and the boy's name, drawn once for each tale
//   {she} {hers} {I}  pronouns that stand for her; {he} {his} {you} for him; {it} for the last
//   <thing>
//   {~name}           the same rule with girl and boy exchanged, pronouns and all
//   <...>             the thing that {it} will stand for
//   (...) [...]       a subject and the verb that agrees with it; # makes a second, plural way of
//   the line /                 between two sentences
//
// The words are short and equally likely within their list, and the spells are random syllables,
// for a reason: a model with 64 letters of memory and two thousand steps of practice must be able
// to come close to the entropy, and what it cannot learn must be chance, not rare words.
std::string_view Tales::default_grammar() {
  return R"(
tale:
  {opening} / {event} / {event} / {event} / {ending}

opening:
  one {wet} day {Anna} and {Otto} {took} <{np}>.
  {Anna} and {Otto} {took} <{np}>.
  2* {Anna} and {Otto} {took} <{np}> {where}.
ending:
  so {she} {vp}.
  so {he} {vp}.
event:
  6* {beat}
  6* {~beat}
  the {animal} {sat} {where}.
  (the {animal#}) [{was#}] {sad}.
  the cat {sat} on the mat.
beat:
  6* {she} {vp}.
  {she} {vp}, so {she} {vp}.
  {she} {vp}, so {he} {vp}.
  2* "{I} {vp}!" said {she}.
  4* "{spell}!" said {she}.
vp:
  4* {took} <{np}>
  2* {took} {it} {where}
  3* {sat} {where}
  1* was {sad}
where:
  {on} {np}
  {on} {land}
np:
  2* {the} {noun}
  {the} {hue} {noun}
  3* {the} {look} {noun}
  2* {the} {look} {hue} {noun}
the = 2* the, 2* a, {hers}, {his}, one
c = b, d, f, g, h, k, l, m, n, p, r, s, t, v, z
C = B, D, F, G, H, K, L, M, N, P, R, S, T, V, Z
v = a, e, i, o, u
Anna = {C}{v}{c}a
Otto = {C}{v}{c}o
land = {C}{v}{c}{v}{c}u
spell = {c}{v}{c}{v}{c}{v}, {c}{v}{c}{v}{c}{v}{c}{v}, {c}{v}{c}{v}{c}{v}{c}{v}{c}{v}
animal = dog, fox/foxes, hen, pig, cow, rat, bee, yak, kid, lamb, mole
was = was/were
wet = wet, hot, cold, dry, fine, sad, long, odd
sad = glad, sad, mad, hot, cold, wet, shy, proud, tired, hungry, ill, bored
on = in, on, by, near, past, under
sat = sat, ran, lay, fell, dug, wept, slid, swam, flew, hopped
took = took, got, had, bit, cut, fed, made, drew, sold, bent, found, moved, tied, led, kept, hugged, used, stole, rang, hid, met, lost, held, won, shut, broke, knew, picked, lit, pulled, washed, baked
look = big, cold, cute, damp, deep, dry, fat, fine, flat, hot, huge, kind, long, mad, new, nice, poor, rich, sad, shy, soft, tall, thin, tiny, torn, warm, wet, wild
hue = red, blue, pink, gold, green, brown, pale, gray, white, black
noun = hat, cup, box, bat, pot, pan, jar, key, bed, bib, bun, cap, dish, fan, fig, fur, gem, gum, horn, hut, jet, jug, kit, leg, lid, log, mat, mop, mug, net, nut, pen, pie, rag, ring, rod, rug, saw, sock, sun, tap, tea, tin, toy, tub, van, vest, wax, web, wig, yam, coin, doll, leaf, nail, wand
)";
}

}  // namespace gradus::data
