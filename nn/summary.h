// summary: a model as a table of its modules, with the shapes of their results and their numbers of parameters.
//
//   std::puts(nn::summary(model, [&] { return model.forward(ids, offsets); }).c_str());
//
//   module            type                    output shape  parameters   trainable
//   -                 EmbeddingBagClassifier  (32, 4)           80,260      80,260
//     embedding_bag   EmbeddingBag            (32, 16)          80,192      80,192
//     dropout         Dropout                 (32, 16)               0           0
//     fc              Linear                  (32, 4)               68          68
//   80,260 parameters, 80,260 of them trainable, 313.5 KiB
#pragma once

#include <functional>
#include <string>

#include "nn/module.h"

namespace roux::nn {

/// The modules and parameters alone. A module's numbers include its children's; what several share counts once.
std::string summary(Module& model);

/// With the shapes that `forward` gives rise to. It is called once, in evaluation mode and without a graph; the modes
/// are put back. The shape of a Layer is that of its last call; that of any other module is the result of the last
/// operation that used a parameter of it or of a child; `-` where there was none.
std::string summary(Module& model, const std::function<Variable()>& forward);

/// The same for a layer of one input.
std::string summary(Layer& model, const Variable& x);

}  // namespace roux::nn
