#include "gradus/ops/embedding.h"

#include <cstring>

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {

Tensor embedding(const Tensor& weight, const Array& indices_any) {
  check(weight.rank() == 2, "embedding: the table must be [V, C], got {}", weight.shape());
  check(indices_any.dtype() == DType::int64, "embedding: indices must be int64, got {}",
        dtype_name(indices_any));
  const Array indices = indices_any.contiguous(), table = weight.value().contiguous();
  const int64_t count = indices.numel(), rows = table.size(0), cols = table.size(1);
  const int64_t* index = indices.data<int64_t>();
  for (int64_t i = 0; i < count; ++i)
    check(index[i] >= 0 && index[i] < rows,
          "embedding: index {} (at position {}) for a table of {} rows", index[i], i, rows);

  Array out(indices.shape().inserted(indices.rank(), cols), table.dtype());
  dispatch_float("embedding", table.dtype(), [&]<class T> {
    T* y = out.mutable_data<T>();
    const T* w = table.data<T>();
    kernels::parallel_for(count, kernels::grain_for(1 << 15, cols), [&](int64_t i, int64_t end) {
      for (; i < end; ++i)
        std::memcpy(y + i * cols, w + index[i] * cols, static_cast<size_t>(cols) * sizeof(T));
    });
  });
  return record(
      "embedding", out, {weight}, [indices = saved(indices), cols](const Array& dy_any, Inputs in) {
        // Row r of dW sums dy over all places where r was looked up. Threads divide the columns,
        // not the places: each element is summed by one thread in one order, with no atomics.
        const Array dy = dy_any.contiguous();
        Array& buffer = in.buffer(0);
        dispatch_float("embedding", dy.dtype(), [&]<class T> {
          T* dw = buffer.mutable_data<T>();
          const T* g = dy.data<T>();
          const int64_t* at = indices->data<int64_t>();
          // Four strips of columns, and not more: the narrower a strip, the farther a thread jumps
          // from one place's numbers to the next one's.
          const int64_t places = indices->numel(), strip = (cols / 4 + 15) / 16 * 16;
          const int64_t grain = std::max({kernels::grain_for(64), kernels::grain_for(strip),
                                          kernels::grain_for(1 << 17, places)});
          kernels::parallel_for(cols, grain, [&](int64_t begin, int64_t end) {
            for (int64_t i = 0; i < places; ++i)
              kernels::elementwise<T>().accumulate(dw + at[i] * cols + begin, g + i * cols + begin,
                                                   end - begin);
          });
        });
      });
}

}  // namespace gradus
