/// \file
/// The rooms of the museum, in the order in which the puzzles are numbered.
#pragma once

#include "laboratory/exhibit.h"

namespace gradus::test {

std::vector<Exhibit> exhibits_of_elements();  // derivatives of single elements, and masks
std::vector<Exhibit> exhibits_of_rows();      // softmax, normalisation, reductions
std::vector<Exhibit> exhibits_of_products();  // linear, attention, convolution, pooling
std::vector<Exhibit> exhibits_of_places();    // losses, indices, shapes, accumulation

}  // namespace gradus::test
