// Package beats renders strips of electrocardiograms whose truth is known: beats of a
// steady rhythm, and in every other strip one that does not belong there, a premature
// ventricular beat. What is rendered looks like a recording, with noise, a wandering
// baseline, moving electrodes and parts that are lost; it is of nobody, and teaches no
// medicine.
//
// A strip depends on its seed and number alone.
package beats
