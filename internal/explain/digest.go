package explain

// Digest stands for what the map of a picture is made from: the picture, and the mask, the
// pictures of other inputs, the files of patches, what features are compared with, by their
// checksums, as far as there are any, and the model, if it is not the one of all others.
func (j *Job) Digest(picture, mask string, with []string, ownModel bool) string {
	if mask != "" {
		picture += " mask " + mask
	}
	for _, sum := range with {
		picture += " with " + sum
	}
	for _, sum := range j.PatchSHA256() {
		if sum != "" {
			picture += " patch " + sum
		}
	}
	for _, f := range j.of {
		picture += " fill " + f.SHA256
	}
	if sum := j.Aim().ReferenceSHA256(); sum != "" {
		picture += " reference " + sum
	}
	if ownModel {
		picture += " model " + j.Model().Identity()
	}
	return picture
}
