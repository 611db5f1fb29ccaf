/* A TensorFlow Lite delegate for tests: `mode` says what it does, take | idle | fail | refuse.
 *
 * take: computes the last operator of the model, as 0.25 everywhere. idle: starts, and computes nothing. fail: says no
 * when it is shown the model. refuse: does not start, as one without its hardware.
 *
 * The structures follow the published C interface of TensorFlow Lite as far as they are used; it only ever adds fields
 * at their ends. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int size;
    int data[];
} IntArray;

typedef struct {
    int type;
    float *data;
    IntArray *dims;
    float scale;
    int zero_point;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    void *delegate;
    int buffer_handle;
    _Bool is_stale, is_variable;
    int quantization_type;
    void *quantization, *sparsity, *dims_signature;
} Tensor;

typedef struct {
    IntArray *inputs, *outputs;
} Node;

typedef struct Context Context;
typedef struct Delegate Delegate;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    void *profiling_string;
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *registration_external, *async_kernel;
    uint64_t inplace_operator;
} Registration;

struct Context {
    size_t tensors_size;
    int (*get_execution_plan)(Context *, IntArray **);
    Tensor *tensors;
    void *impl, *resize_tensor, *report_error, *add_tensors, *get_node_and_registration;
    int (*replace_nodes)(Context *, Registration, const IntArray *, Delegate *);
};

struct Delegate {
    void *data;
    int (*prepare)(Context *, Delegate *);
    void *copy_from_buffer, *copy_to_buffer, *free_buffer;
    int64_t flags;
    void *opaque_builder;
};

static void *kernel_init(Context *context, const char *params, size_t length) {
    (void)context, (void)params, (void)length;
    return NULL;
}

static void kernel_free(Context *context, void *data) { (void)context, (void)data; }

static int kernel_prepare(Context *context, Node *node) {
    (void)context, (void)node;
    return 0;
}

static int kernel_invoke(Context *context, Node *node) {
    Tensor *output = &context->tensors[node->outputs->data[0]];
    for (size_t i = 0; i < output->bytes / sizeof(float); i++) output->data[i] = 0.25f;
    return 0;
}

static int take(Context *context, Delegate *delegate) {
    Registration kernel = {.init = kernel_init, .free = kernel_free, .prepare = kernel_prepare,
                           .invoke = kernel_invoke, .custom_name = "DelegateDouble", .version = 1};
    IntArray *plan;
    struct {
        int size, node;
    } last = {1, 0};
    if (context->get_execution_plan(context, &plan) != 0) return 1;
    last.node = plan->data[plan->size - 1];
    return context->replace_nodes(context, kernel, (IntArray *)&last, delegate);
}

static int idle(Context *context, Delegate *delegate) {
    (void)context, (void)delegate;
    return 0;
}

static int fail(Context *context, Delegate *delegate) {
    (void)context, (void)delegate;
    return 1;
}

static Delegate the_delegate;

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report_error)(const char *)) {
    const char *mode = "take";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], "mode") != 0) {
            report_error("unknown option");
            return NULL;
        }
        mode = values[i];
    }
    if (strcmp(mode, "refuse") == 0) {
        report_error("no such hardware");
        return NULL;
    }
    memset(&the_delegate, 0, sizeof the_delegate);
    the_delegate.prepare = strcmp(mode, "take") == 0 ? take : strcmp(mode, "idle") == 0 ? idle : fail;
    return &the_delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { (void)delegate; }
