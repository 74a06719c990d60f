// Variable's views and conversions: the result shares storage with the input, the gradient takes the way back.
#include "autograd/ops.h"

namespace roux {
namespace {

// Views that keep the order of the elements.
Variable record_reshaped(const char* name, const Variable& x, const Tensor& y) {
  return record(name, y, {x}, [](const Tensor& g, GradSink& to) { to.add(0, g.reshape(to.shape(0))); });
}

}  // namespace

Variable Variable::reshape(const Shape& shape) const {
  return record_reshaped("reshape", *this, data().reshape(shape));
}

Variable Variable::flatten(int64_t start, int64_t end) const {
  return record_reshaped("flatten", *this, data().flatten(start, end));
}

Variable Variable::squeeze(int64_t axis) const { return record_reshaped("squeeze", *this, data().squeeze(axis)); }
Variable Variable::squeeze() const { return record_reshaped("squeeze", *this, data().squeeze()); }
Variable Variable::unsqueeze(int64_t axis) const { return record_reshaped("unsqueeze", *this, data().unsqueeze(axis)); }

Variable Variable::transpose(int64_t axis0, int64_t axis1) const {
  return record("transpose", data().transpose(axis0, axis1), {*this},
                [axis0, axis1](const Tensor& g, GradSink& to) { to.add(0, g.transpose(axis0, axis1)); });
}

Variable Variable::permute(const Axes& axes) const {
  return record("permute", data().permute(axes), {*this}, [axes](const Tensor& g, GradSink& to) {
    Axes inverse = axes;
    for (int i = 0; i < axes.size(); ++i) inverse[wrap_axis(axes[i], axes.size(), "permute")] = i;
    to.add(0, g.permute(inverse));
  });
}

// What the view leaves out gets zeros.
Variable Variable::slice(int64_t axis, int64_t start, int64_t end, int64_t step) const {
  return record("slice", data().slice(axis, start, end, step), {*this},
                [axis, start, end, step](const Tensor& g, GradSink& to) {
                  Tensor whole = Tensor::zeros(to.shape(0), g.dtype(), g.device());
                  whole.slice(axis, start, end, step).copy_(g);
                  to.add(0, std::move(whole));
                });
}

Variable Variable::select(int64_t axis, int64_t index) const {
  return record("select", data().select(axis, index), {*this}, [axis, index](const Tensor& g, GradSink& to) {
    Tensor whole = Tensor::zeros(to.shape(0), g.dtype(), g.device());
    whole.select(axis, index).copy_(g);
    to.add(0, std::move(whole));
  });
}

Variable Variable::expand(const Shape& shape) const {
  return record("expand", data().expand(shape), {*this},
                [](const Tensor& g, GradSink& to) { to.add(0, sum_to(g, to.shape(0))); });
}

Variable Variable::contiguous() const {
  if (raw().is_contiguous()) return *this;
  return record("contiguous", data().contiguous(), {*this}, [](const Tensor& g, GradSink& to) { to.add(0, g); });
}

// Only floating-point results have gradients: a conversion to integers ends them.
Variable Variable::to(DType dtype) const {
  if (dtype == raw().dtype()) return *this;
  const Tensor y = data().to(dtype);
  if (!is_floating(dtype)) return Variable(y);
  return record("to", y, {*this}, [](const Tensor& g, GradSink& sink) { sink.add(0, g.to(sink.dtype(0))); });
}

Variable Variable::to(Device device) const {
  const Device source = raw().device();
  if (device == source) return *this;
  return record("to", data().to(device), {*this},
                [source](const Tensor& g, GradSink& sink) { sink.add(0, g.to(source)); });
}

}  // namespace roux
