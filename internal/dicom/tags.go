package dicom

// The attributes that are read. Those about people are not among them, but in what derived
// objects take over (derive.go).
const (
	tagTransferSyntax tag = 0x00020010

	tagSOPClass    tag = 0x00080016
	tagSOPInstance tag = 0x00080018
	tagModality    tag = 0x00080060

	tagImagerSpacing  tag = 0x00181164
	tagNominalSpacing tag = 0x00182010

	tagSamples         tag = 0x00280002
	tagPhotometric     tag = 0x00280004
	tagPlanar          tag = 0x00280006
	tagFrames          tag = 0x00280008
	tagRows            tag = 0x00280010
	tagColumns         tag = 0x00280011
	tagSpacing         tag = 0x00280030
	tagAspect          tag = 0x00280034
	tagBitsAllocated   tag = 0x00280100
	tagBitsStored      tag = 0x00280101
	tagHighBit         tag = 0x00280102
	tagSigned          tag = 0x00280103
	tagPadding         tag = 0x00280120
	tagPaddingLimit    tag = 0x00280121
	tagFloatPadding    tag = 0x00280122
	tagDoublePadding   tag = 0x00280123
	tagFloatPadLimit   tag = 0x00280124
	tagDoublePadLimit  tag = 0x00280125
	tagWindowCenter    tag = 0x00281050
	tagWindowWidth     tag = 0x00281051
	tagIntercept       tag = 0x00281052
	tagSlope           tag = 0x00281053
	tagWindowName      tag = 0x00281055
	tagVOIFunction     tag = 0x00281056
	tagRedDescriptor   tag = 0x00281101
	tagGreenDescriptor tag = 0x00281102
	tagBlueDescriptor  tag = 0x00281103
	tagRedData         tag = 0x00281201
	tagGreenData       tag = 0x00281202
	tagBlueData        tag = 0x00281203
	tagRedSegments     tag = 0x00281221
	tagModalityLUT     tag = 0x00283000
	tagLUTDescriptor   tag = 0x00283002
	tagLUTName         tag = 0x00283003
	tagLUTData         tag = 0x00283006
	tagVOILUT          tag = 0x00283010

	tagPixelMeasures  tag = 0x00289110
	tagFrameVOI       tag = 0x00289132
	tagFrameValues    tag = 0x00289145
	tagSharedGroups   tag = 0x52009229
	tagPerFrameGroups tag = 0x52009230

	tagCodeValue       tag = 0x00080100
	tagCodeMeaning     tag = 0x00080104
	tagWaveChannels    tag = 0x003a0005
	tagWaveLength      tag = 0x003a0010
	tagWaveRate        tag = 0x003a001a
	tagWaveDefinitions tag = 0x003a0200
	tagWaveLabel       tag = 0x003a0203
	tagWaveSource      tag = 0x003a0208
	tagWaveSensitivity tag = 0x003a0210
	tagWaveUnits       tag = 0x003a0211
	tagWaveCorrection  tag = 0x003a0212
	tagWaveBaseline    tag = 0x003a0213
	tagWaveTimeSkew    tag = 0x003a0214
	tagWaveSkew        tag = 0x003a0215
	tagWaveStored      tag = 0x003a021a
	tagWaveforms       tag = 0x54000100
	tagWaveAllocated   tag = 0x54001004
	tagWaveSamples     tag = 0x54001006
	tagWavePadding     tag = 0x5400100a
	tagWaveData        tag = 0x54001010

	tagExtendedOffsets tag = 0x7fe00001
	tagFloatPixels     tag = 0x7fe00008
	tagDoublePixels    tag = 0x7fe00009
	tagPixels          tag = 0x7fe00010
)

// wanted are the attributes that are kept of a file, with their representations.
var wanted = map[tag]string{
	tagTransferSyntax: "UI", tagSOPClass: "UI", tagSOPInstance: "UI", tagModality: "CS", tagImagerSpacing: "DS", tagNominalSpacing: "DS",
	tagSamples: "US", tagPhotometric: "CS", tagPlanar: "US", tagFrames: "IS", tagRows: "US", tagColumns: "US", tagSpacing: "DS", tagAspect: "IS",
	tagBitsAllocated: "US", tagBitsStored: "US", tagHighBit: "US", tagSigned: "US", tagPadding: "US", tagPaddingLimit: "US",
	tagFloatPadding: "FL", tagDoublePadding: "FD", tagFloatPadLimit: "FL", tagDoublePadLimit: "FD",
	tagWindowCenter: "DS", tagWindowWidth: "DS", tagIntercept: "DS", tagSlope: "DS", tagWindowName: "LO", tagVOIFunction: "CS",
	tagRedDescriptor: "US", tagGreenDescriptor: "US", tagBlueDescriptor: "US", tagRedData: "OW", tagGreenData: "OW", tagBlueData: "OW", tagRedSegments: "OW",
	tagModalityLUT: "SQ", tagLUTDescriptor: "US", tagLUTName: "LO", tagLUTData: "OW", tagVOILUT: "SQ",
	tagPixelMeasures: "SQ", tagFrameVOI: "SQ", tagFrameValues: "SQ", tagSharedGroups: "SQ", tagPerFrameGroups: "SQ",
	tagCodeValue: "SH", tagCodeMeaning: "LO",
	tagWaveChannels: "US", tagWaveLength: "UL", tagWaveRate: "DS", tagWaveDefinitions: "SQ", tagWaveLabel: "SH", tagWaveSource: "SQ",
	tagWaveSensitivity: "DS", tagWaveUnits: "SQ", tagWaveCorrection: "DS", tagWaveBaseline: "DS", tagWaveTimeSkew: "DS", tagWaveSkew: "DS", tagWaveStored: "US",
	tagWaveforms: "SQ", tagWaveAllocated: "US", tagWaveSamples: "CS", tagWavePadding: "OW", tagWaveData: "OW",
	tagExtendedOffsets: "OV", tagFloatPixels: "OF", tagDoublePixels: "OD", tagPixels: "OW",
}
