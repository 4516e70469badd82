# The guest image around our agent; see build.
IMAGE_DIR := $(O)/image
IMAGE_READY := $(IMAGE_DIR)/sampan-guest.initrd

$(IMAGE_READY): $(O)/riscv64/sampan-agent $(addprefix configs/guest-image/,build packages files)
	$(if $(Q),@echo "  IMG  $(IMAGE_DIR)")
	$(Q)configs/guest-image/build $< $(IMAGE_DIR)

image: $(IMAGE_READY)
.PHONY: image
#: make image      the guest image with our agent (initrd, ext4 and erofs disks), in build/image
