/* A window that moves over a grid: what a convolution or a pooling reads for one output pixel. */
typedef struct {
    int32_t height, width, channels; /* of what is read */
    int32_t hop;                     /* words (planes) or values from one step to the next; 0 where all steps are equal */
    int32_t row;                     /* words (planes) or values of a row */
    int32_t kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    int32_t groups, outputs;
} nf_view;
