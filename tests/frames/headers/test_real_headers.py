"""Headers as telescopes and cameras write them: the cards that matter, and what is true of each frame."""

import math

import pytest
from astropy.io import fits
from astropy.time import Time

from ceres_fast.frames.headers.understand import understand
from ceres_fast.frames.sky import celestial

TAN = """
CTYPE1  = 'RA---TAN'
CTYPE2  = 'DEC--TAN'
CRPIX1  = 512.0
CRPIX2  = 512.0
CRVAL1  = 150.0
CRVAL2  = 2.0
CD1_1   = -1.0E-4
CD1_2   = 0.0
CD2_1   = 0.0
CD2_2   = 1.0E-4
"""

# (name, cards, what is true). "middle" is that of the exposure in UTC; nan and "" are: the header does not say; "sky"
# tells whether the frame shows the sky; "quiet" that nothing is odd about the header. Each is of one real header.
CASES = [
    # bcolyn/PhotonFinder, tests/sample_headers.py
    (
        "Astro Photography Tool, ZWO ASI294MC Pro",  # JD is of the end of the exposure; no word says so
        """
OBJECT  = 'TEST    '           / The name of Object Imaged
INSTRUME= 'ZWO ASI294MC Pro'   / The model Camera used
DATE-OBS= '2018-09-17T21:04:46' / The UTC date and time at the start of the expo
EXPTIME =                240.0 / The total exposure time in seconds
XPIXSZ  =                 4.63 / Pixel width in microns (after binning)
XBINNING=                    1 / Binning factor in width
EGAIN   =     1.00224268436432 / Electronic gain in e-/ADU
FOCALLEN=                  400 / Focal Length of the Telescope in mm
JD      =     2458379.38114583 / Julian Date
IMAGETYP= 'Light Frame'        / The type of image
GAIN    =                  120 / The gain set (if supported)
""",
        {"middle": "2018-09-17T21:06:46", "exposure": 240, "gain": 1.002243, "pixel_scale": 2.3875, "field": "TEST"},
    ),
    (
        "DWARF II",
        """
DATE-OBS= '2023-06-10T21:38:19.442' / Time start to exposure
DATE    = '2023-06-10T21:38:35.938' / Fits written to sd card
EXP     =                 15.0 / [s] Sub Exposure Time
GAIN    =                  110 / Sub Gain
BINNING = '2*2     '           / n*n pixels add together
TELESCOP= 'DWARFII '           / DWARF II telescope
""",
        {"middle": "2023-06-10T21:38:26.942", "exposure": 15, "gain": math.nan, "field": ""},
    ),
    (
        "MaxIm DL 5, iTelescope T33, Apogee",
        """
DATE-OBS= '2018-07-04T14:03:03' / [ISO 8601] UTC date/time of exposure start
EXPTIME =   3.00000000000E+002 / [sec] Duration of exposure
EXPOSURE=   3.00000000000E+002 / [sec] Duration of exposure
XPIXSZ  =                  7.4 / Pixel Width in microns (after binning)
XBINNING=                    1 / Binning level along the X-axis
FILTER  = 'SII     '           / Filter name
IMAGETYP= 'Light Frame'        / Type of image
JD      =   2458304.0854513887 /Julian Date at start of exposure
TRAKTIME=   4.0000000000000000 /Exposure time used for autoguiding
FOCALLEN=   1425.0000000000000 /Focal length of telescope in mm
OBJECT  = 'm17     '           / Target object name
DATE    = '04/07/18'           / [old format] UTC date of exposure start
TIME-OBS= '14:03:03'           / [old format] UTC time of exposure start
UT      = '14:03:03'           / [old format] UTC time of exposure start
TIMESYS = 'UTC     '           / Default time system
AIRMASS =         1.0416255235 / Airmass (multiple of zenithal airmass)
""",
        {"middle": "2018-07-04T14:05:33", "pixel_scale": 1.07113, "airmass": 1.0416255, "filter": "SII", "quiet": True},
    ),
    (
        "N.I.N.A., ZWO ASI294MC Pro",
        """
IMAGETYP= 'LIGHT   '           / Type of exposure
EXPOSURE=                 30.0 / [s] Exposure duration
EXPTIME =                 30.0 / [s] Exposure duration
DATE-LOC= '2021-03-02T21:19:00.455' / Time of observation (local)
DATE-OBS= '2021-03-02T20:19:00.455' / Time of observation (UTC)
GAIN    =                  120 / Sensor gain
EGAIN   =     1.00224268436432 / [e-/ADU] Electrons per A/D unit
XPIXSZ  =                 4.63 / [um] Pixel X axis size
""",
        {"middle": "2021-03-02T20:19:15.455", "gain": 1.002243, "exposure": 30, "quiet": True},
    ),
    (
        "PixInsight, master light",
        """
IMAGETYP= 'Master Light'       / Type of image
FILTER  = 'LP      '           / Filter used when taking image
EXPTIME = '120.00  '           / Exposure time in seconds
XPIXSZ  = '4.63    '           / Pixel size including binning, X-axis (um)
EGAIN   = '3.62    '           / Camera gain in electrons per data number
FOCALLEN= '769.37892'          / Focal length (mm)
DATE-OBS= '2022-03-07T21:58:44.060' / Start date/time of observation (UTC)
DATE-END= '2022-03-07T22:00:44.060' / End date/time of observation (UTC)
TIMESYS = 'UTC     '           / Time scale: Universal Time, Coordinated
""",
        {"middle": "2022-03-07T21:59:44.060", "gain": 3.62, "pixel_scale": 1.241269, "exposure": 120, "sky": True},
    ),
    (
        "Seestar S50, three planes",
        """
SIMPLE  =                    T
BITPIX  =                   16
NAXIS   =                    3
NAXIS1  =                 1080
NAXIS2  =                 1920
NAXIS3  =                    3
CTYPE1  = 'RA---TAN-SIP'
CTYPE2  = 'DEC--TAN-SIP'
CRPIX1  =        874.274200439
CRPIX2  =        1213.47089386
CRVAL1  =        239.5
CRVAL2  =        20.7
CD1_1   =     -6.6E-04
CD1_2   =                  0.0
CD2_1   =                  0.0
CD2_2   =      6.6E-04
A_ORDER =                    2
A_0_2   =              1.0E-08
B_ORDER =                    2
B_0_2   =              1.0E-08
IMAGETYP= 'Light   '           / Type of image
EXPTIME =                 10.0 / Exposure time in seconds
GAIN    =                   80 / Gain Value
FILTER  = 'IRCUT   '           / Filter used when taking image
OBJECT  = 'NGC 6027A'          / name or catalog number of object being imaged
""",
        {"pixel_scale": 2.376, "exposure": 10, "gain": math.nan, "filter": "IRCUT", "field": "NGC 6027A"},
    ),
    (
        "Sequence Generator Pro",
        """
OBJECT  = 'M57     '           / Object name
DATE-LOC= '2020-05-30T02:22:49.0968820' / Local observation date
DATE-OBS= '2020-05-30T00:22:49.0968820' / UTC observation date
IMAGETYP= 'LIGHT   '           / Type of frame
EXPOSURE=                   30 / Exposure time in seconds
AIRMASS =      1.1136910218553 / Average airmass
FOCALLEN=                 1480 / The focal length of the telescope in mm
SCALE   =              0.65415 / Image scale (arcsec / pixel)
GAIN    =                  120 / Camera gain
EGAIN   =     3.99000000953674 / Electrons Per ADU
""",
        {"middle": "2020-05-30T00:23:04.097", "gain": 3.99, "pixel_scale": 0.65415, "airmass": 1.11369, "quiet": True},
    ),
    (
        "SharpCap 4, live stack",
        """
OBJECT  = 'Markarian'
EXPTIME =                  280 / seconds
DATE-OBS= '2025-03-19T22:51:59.3846323' / System Clock:Est. Frame Start
DATE-END= '2025-03-19T23:03:40.4689935' / System Clock:Est. Frame End
DATE-AVG= '2025-03-19T22:57:49.9268129' / System Clock:Est. Frame Mid Point
JD_UTC  =   2460754.4568278566 / Julian Date at mid exposure
RDNOISE =                  1.7 / Read noise in electrons
GAIN    =                  300
""",
        {"middle": "2025-03-19T22:57:49.927", "exposure": 280, "read_noise": 1.7, "gain": math.nan},
    ),
    # lsst/astro_metadata_translator, tests/data
    (
        "DECam, raw",
        """
EXPTIME =                200.0 / [s] Exposure duration
DATE-OBS= '2013-09-01T06:02:55.753848' /  UTC epoch
TIME-OBS= '06:02:55.753848'    / Time of observation start (UTC)
MJD-OBS =       56536.25203419 / MJD of observation start
OPENSHUT= '2013-09-01T06:02:55.834920' / Time when shutter opened (UTC)
TIMESYS = 'UTC     '           / Time system
OBJECT  = 'DES supernova hex SN-S1 tiling 22' / Object name
OBSTYPE = 'object  '           / Observation type
FILTER  = 'z DECam SDSS c0004 9260.0 1520.0' / Unique filter identifier
AIRMASS =                 1.57 / Airmass
CCDNUM  =                   25 / CCD number
GAINA   =        4.59347726229 / [electrons/adu] Gain for amp A
RDNOISEA=        7.17960496096 / [electrons] Read noise for amp A
SATURATA=              43266.0 / [adu] Saturation for amp A
""",
        {
            "middle": "2013-09-01T06:04:35.754",
            "gain": 4.59348,
            "read_noise": 7.1796,
            "saturation": 43266,
            "quiet": True,
        },
    ),
    (
        "DECam, Community Pipeline",  # the comments are those of the calexp beside it
        """
EXPTIME =                120.0 / [s] Exposure duration
DATE-OBS= '2019-04-02T05:06:18.382875' / UTC epoch
MJD-OBS =       58575.21271276 / MJD of observation start
MJD-END =      58575.214101649 / Exposure end
TIMESYS = 'UTC     '           / Time system
OBSTYPE = 'object  '           / Observation type
MAGZERO =               31.227 / [mag] Magnitude zero point
MAGZPT  =               26.029 / [mag] Magnitude zero point per sec
SATURATE=     42423.5001001058 / Global Saturate Value
FWHM    =             6.308315 / Median FWHM in pixels
CCDNUM  =                    1
"""
        + TAN,
        {"middle": "2019-04-02T05:07:18.383", "zero_point": 31.227, "seeing": 2.27099, "ccd": "1", "quiet": True},
    ),
    (
        "DECam, Community Pipeline, comments lost",
        """
EXPTIME =                120.0
DATE-OBS= '2019-04-02T05:06:18.382875'
MAGZERO =               31.227
MAGZPT  =               26.029
""",
        {"zero_point": 31.227},
    ),
    (
        "DECam, bias",
        """
EXPTIME =                  0.0 / [s] Exposure duration
DATE-OBS= '2012-12-11T22:06:32.859252' /  UTC epoch
OBJECT  = 'postflats-BIAS'     / Object name
OBSTYPE = 'zero    '           / Observation type
""",
        {"sky": False},
    ),
    (
        "Hyper Suprime-Cam, raw",
        """
TIMESYS = 'UTC     '           / Time System used in the header
DATE-OBS= '2015-10-10'         / Observation start date  (yyyy-mm-dd)
UT-STR  = '08:20:06.598'       / HH:MM:SS.S UTC at the start exposure time
MJD-STR =       57305.34729859 / [d] Mod.Julian Date at the start of exposure
UT      = '08:20:06.627'       / HH:MM:SS.S typical UTC at the exposure (middle
MJD     =    57305.34729891876 / [d] Mod. Julian Date at typical time
MJD-END =     57305.3490561787 / [d] Mod.Julian Date at the end of exposure
AIRMASS =    1.257282805496569 / Average airmass during exposure
DATA-TYP= 'OBJECT  '           / Characteristics of this data
OBJECT  = 'SSP-Wide'           / Object
FILTER01= 'HSC-r   '           / Filter barcode
EXPTIME =                150.0 / Exposure time
DETECTOR= 'notSet  '           / Name of the detector/CCD
DET-ID  =                   37 / "Sequential number assgined for the entire CCDs
GAIN    =                  0.0 / AD conversion factor (electron/ADU)
SEEING  =                  0.0 / [arcsec] FWHM of the star at telescope focus
T_GAIN1 =                 3.18 / "Gain for channel 1"
""",
        {"middle": "2015-10-10T08:21:21.598", "ccd": "37", "filter": "HSC-r", "field": "SSP-Wide", "sky": True},
    ),
    (
        "Hyper Suprime-Cam, dome flat",
        """
DATA-TYP= 'DOMEFLAT'           / Characteristics of this data
OBJECT  = 'DOMEFLAT'           / Object
EXPTIME =                  8.0 / Exposure time
""",
        {"sky": False},
    ),
    (
        "Suprime-Cam, reduced",
        """
DATE-OBS= '2007-04-23'         / Observation start date  (yyyy-mm-dd)
UT      = '08:02:27.204'       / HH:MM:SS.S typical UTC at the exposure (middle
UT-STR  = '08:02:27.204'       / HH:MM:SS.S UTC at the start exposure time
MJD     =         54213.335036 / [d] Mod. Julian Date at typical time
MJD-STR =         54213.335036 / [d] Mod.Julian Date at the start of exposure
MJD-END =         54213.337348 / [d] Mod.Julian Date at the end of exposure
TIMESYS = 'UTC     '           / Time System used in the header
DATA-TYP= 'OBJECT  '           / Characteristics of this data
FILTER01= 'W-S-R+  '           / Filter name/ID
DETECTOR= 'w67c1   '           / Name of the detector/CCD
GAINEFF =     2.64075517654419
EXPTIME =                200.0
""",
        {"middle": "2007-04-23T08:04:07.11", "gain": 2.640755, "ccd": "w67c1", "filter": "W-S-R+"},
    ),
    (
        "CFHT MegaCam, raw",
        """
EXTNAME = 'ccd02   '           / CCD number in the mosaic
OBJECT  = 'w2.+2+2 '
CCDNAME = '8352-15-3'          / Name of the CCD (manufacturer reference)
MAXLIN  =                65535 / Level at 1% linearity departure (ADU) = Average
SATURATE=                65535 / Saturation value (ADU)
GAIN    =                 1.62 / Converting gain (e-/ADU) = Average [A,B] amps
RDNOISE =                    4 / Read noise (electrons) = Average [A,B] amps
TIMESYS = 'UTC     '           / Time System for DATExxxx
OBSTYPE = 'OBJECT  '           / Observation/ Exposure type
EXPTIME =              615.037 / Measured integration time (seconds)
SHUTOPEN=                  0.0 / Shutter blade opening time (msec)
SHUTCLOS=                  0.0 / Shutter blade closing time (msec)
FILTER  = 'i.MP9702'           / Name of filter in position
DATE-OBS= '2008-11-01'         / Date at start of observation (UTC)
UTIME   = '14:33:32.40'        / Time at start of observation (UT)
UTC-OBS = '14:33:32.40'        / Time at start of observation (UTC)
MJD-OBS =         54771.606625 / Modified Julian Date at start of obs.
AIRMASS =                1.269 / Airmass at start of observation
""",
        {"middle": "2008-11-01T14:38:39.919", "gain": 1.62, "read_noise": 4, "saturation": 65535, "quiet": True},
    ),
    (
        "SDSS fpC, drift scan",  # the clock is only in TAI: seconds since MJD 0
        """
DATE-OBS= '2006-09-20'         / 1st row - TAI date
TIMESYS = 'TAI     '
TAI     =        4665448882.73 / 1st row Number of seconds since Nov 17 1858
OBJECT  = '82 S    '           / e.g., 'stripe 50.6 degrees, north strip'
EXPTIME = '53.907456'          / Exposure time (seconds)
FILTER  = 'g       '           / filter used
""",
        {"start": "2006-09-20T06:00:49.73", "exposure": 53.907456, "field": "82 S"},
    ),
    # XML::Document::RTML, tests
    (
        "Liverpool Telescope, RATCam",
        """
OBSTYPE = 'EXPOSE  '           / What type of observation has been taken
DATE-OBS= '2006-09-10T22:05:32.463' / [UTC] The start time of the observation
UTSTART = '22:05:32.463'       / [UTC] The start time of the observation
MJD     =         53988.920515 / [days] Modified Julian Days.
EXPTIME =           30.0000000 / [Seconds] Exposure length.
FILTER1 = 'SDSS-R  '           / The first filter wheel filter type.
FILTER2 = 'clear   '           / The second filter wheel filter type.
GAIN    =            2.7960000 / [electrons/count] calibrated leach 30/01/2000 1
READNOIS=            7.0000000 / [electrons/pixel] RJS 23/10/2004 (from bias)
CCDSCALE=            0.2783700 / [arcsec/binned pixel] Scale of binned image on
OBJECT  = 'OB06515 '           / Actual name of the current observation source
AIRMASS =            2.2700000 / [n/a] Airmass
SEEING  =         3.341742E+00 / [pixels] frame seeing in pixels
""",
        {
            "middle": "2006-09-10T22:05:47.463",
            "gain": 2.796,
            "read_noise": 7,
            "seeing": 0.93024,
            "pixel_scale": 0.27837,
            "airmass": 2.27,
            "quiet": True,
        },
    ),
    # Astro::FITS::Header, t/*.t
    (
        "VLT ISAAC, standard star",  # CATG CALIB is a field of stars
        """
EXPTIME =                1.773          / Total integration time. 00:00:01.773
MJD-OBS =       52008.98484556          / Obs start 2001-04-09T23:38:10.656
DATE-OBS= '2001-04-09T23:38:10.6563'    / Date of observation
UTC     =            85090.000          / 23:38:10.000 UT at start
OBJECT  = 'STD     '                    / Original target
AIRMASS =              1.03900          / Averaged air mass
IMAGETYP= 'STD     '                    / Observation type
FILTER1 = 'Ks      '                    / Filter 1 name
HIERARCH ESO DPR CATG        = 'CALIB   '   / Observation category
HIERARCH ESO DPR TYPE        = 'STD     '   / Observation type
HIERARCH ESO DPR TECH        = 'IMAGE   '   / Observation technique
""",
        {"middle": "2001-04-09T23:38:11.543", "airmass": 1.039, "filter": "Ks", "sky": True},
    ),
    # grondview, models.py
    (
        "MPI 2.2 m, GROND",
        """
EXPTIME =            2.0000000 / Integration time
MJD-OBS =       55852.00467373 / Obs start 2011-10-18T00:06:43.811
DATE-OBS= '2011-10-18T00:06:43.8107' / Observing date
UTC     =              400.132          / 00:06:40.132 UTC at start (sec)
HIERARCH ESO DPR CATG        = 'SCIENCE '   / Observation category
HIERARCH ESO DPR TYPE        = 'OBJECT  '   / Observation type
HIERARCH ESO TEL AIRM START = 1.377 / Airmass at start
HIERARCH ESO TEL AIRM END = 1.379 / Airmass at end
IMAGETYP= 'object  '                    / IRAF image type.
""",
        {"middle": "2011-10-18T00:06:44.811", "exposure": 2, "airmass": 1.377, "sky": True},
    ),
    (
        "INT IDS, arc of 1998",
        """
OBSTYPE = 'ARC               ' / Type of observation, eg. ARC
MJD-OBS =        51039.8602077 / Modified Julian Date of midtime of observation
JD      =      2451040.3602077 / Julian Date of midtime of observation
AIRMASS =             1.145286 / Effective mean airmass
DATE-OBS= '1998-08-14        '          / Date of start of observation
UTSTART = '20:38:43.0        '          / UTC of start of observation hh:mm:ss
EXPTIME =                1.000          / Exposure time excluding pauses,in secs
DETECTOR= 'TEK5              '          / Name of the detector
GAIN    =                1.530          / Electrons per ADU
READNOIS=                4.820          / Readout noise in electrons per pix
CHIPNAME= 'A5506-4           ' / Name of CCD chip
""",
        {"middle": "1998-08-14T20:38:41.945", "gain": 1.53, "read_noise": 4.82, "sky": False},
    ),
    # photonranch, aws.py
    (
        "Photon Ranch, Apogee and MaxIm DL 6",
        """
DATE-OBS= '2019-07-10T03:28:55' /YYYY-MM-DDThh:mm:ss observation start, UT
EXPTIME =   3.0000000000000000 /Exposure time in seconds
XPIXSZ  =   13.500000000000000 /Pixel Width in microns (after binning)
FILTER  = 'w       ' /          Filter used when taking image
IMAGETYP= 'Light Frame' /       Type of image
FOCALLEN=   2923.1000976562500 /Focal length of telescope in mm
JD      =   2458674.6450810186 /Julian Date at start of exposure
JD-HELIO=   2458674.6468506418 /Heliocentric Julian Date at exposure midpoint
OBJECT  = '        '
IMGTYPE = 'Light   '
AIRMASS =                1.236
FOCUS   = ''
DETECTOR= ''
GAIN    =                 1.18
RDNOISE =                 5.82
PIXSCALE=                 0.95
""",
        {"middle": "2019-07-10T03:28:56.5", "gain": 1.18, "read_noise": 5.82, "pixel_scale": 0.95, "quiet": True},
    ),
    # SBIG, three programs
    (
        "SBIG ST-8",
        """
DATE    = '2014-10-30T21:07:31' / GMT date when this file created
DATE-OBS= '2014-10-30T21:07:37' / GMT start of exposure
EXPTIME =                   1. / Exposure in seconds
OBJECT  = 'm33     '
FILTER  = 'Astrodon Tru-balance E-series NIR blocked L' / Optical filter name
XPIXSZ  =                   9. / Pixel width in microns
EGAIN   =                 2.78 / Electrons per ADU
FOCALLEN=                 135. / Focal length in mm
""",
        {"middle": "2014-10-30T21:07:37.5", "gain": 2.78, "pixel_scale": 13.751, "field": "m33", "quiet": True},
    ),
    (
        "SBIG STL-6303, CCDSoft 5",
        """
FOCALLEN= +0.000000000000E+000
DATE-OBS= '2020-04-18T00:56:58.604'
TIME-OBS= '00:56:58.604        '
IMAGETYP= 'Light Frame         '
XBINNING=                    3
OBJECT  = 'Entered_Coordinates '
AIRMASS = +1.026504260005E+000
EGAIN   = +2.360000000000E+000
E-GAIN  = +2.360000000000E+000
XPIXSZ  = +2.700000000000E+001
FILTER  = 'R                   '
EXPTIME = +3.000000000000E+002
""",
        {"middle": "2020-04-18T00:59:28.604", "gain": 2.36, "pixel_scale": math.nan, "airmass": 1.0265, "quiet": True},
    ),
    (
        "SBIG STF-8300, MaxIm DL 6",
        """
DATE-OBS= '2018-12-23T14:57:39' /YYYY-MM-DDThh:mm:ss observation start, UT
EXPTIME =   60.000000000000000 /Exposure time in seconds
XPIXSZ  =   10.800000000000001 /Pixel Width in microns (after binning)
XBINNING=                    2 /Binning factor in width
FOCALLEN=   910.00000000000000 /Focal length of telescope in mm
IMAGETYP= 'Light frame'        / Type of image
EGAIN   =  0.37999999523162842 /Electronic gain in e-/ADU
JD      =   2458476.1233680556 /Julian Date at start of exposure
JD-HELIO=   2458476.1289197467 /Heliocentric Julian Date at exposure midpoint
OBJECT  = '46P_Wirtanen'
""",
        {"middle": "2018-12-23T14:58:09", "gain": 0.38, "pixel_scale": 2.44798, "quiet": True},
    ),
    (
        "iTelescope T31, FLI",
        """
DATE-OBS= '2021-12-29T15:42:46.53' /YYYY-MM-DDThh:mm:ss observation, UT
EXPTIME =   300.00000000000000 /Exposure time in seconds
XPIXSZ  =   12.000000000000000 /Pixel Width in microns (after binning)
FOCALLEN=   2259.0000000000000 /Focal length of telescope in mm
JD      =   2459578.1547052083 /Julian Date at time of exposure
JD-HELIO=   2459578.1556659853 /Heliocentric Julian Date at time of exposure
OBJECT  = '        '
""",
        {"middle": "2021-12-29T15:45:16.53", "pixel_scale": 1.0957, "field": "", "quiet": True},
    ),
    (
        "SOAO, FLI, numbers as text",
        """
GAIN    = '1.43    '
RDNOISE = '13.6    '
DATE-OBS= '2014-11-02T19:57:28' /YYYY-MM-DDThh:mm:ss observation start, UT
EXPTIME =   60.000000000000000 /Exposure time in seconds
""",
        {"middle": "2014-11-02T19:57:58", "gain": 1.43, "read_noise": 13.6, "quiet": True},
    ),
    # gpuphot, tests
    (
        "Two-metre Twin Telescope, QHY411",
        """
FOCAL   =                 6.85 / Telescope focal ratio
FOCALEN =               5480.0 / Telescope focal length, in mm
RDNOISE =                  2.8 / Readout noise, in e-
SATLEVEL=                65536 / Saturation level, in ADU
GAIN    =                1.024 / Gain, in e/cnt(ADU)
SCALEORI=                0.142 / [arcsec/px] Nominal plate scale
XBINNING=                    1 / Binning in x axis
PXSIZE  =                 3.76 / Pixel size, in micron
DATE-OBS= '2023-02-19T20:56:11.676285' / Date of capture observation
JD-OBS  =    2459995.372357364 / Julian date
MJD-OBS =    59994.87235736441 / Modified julian date
EXPTIME =             5.326963 / Exposition time
OBJECT  = '1993VB  '           / Object
FILTER  = 'Lum     '           / Filter used
UTOBS   = '2023-02-19T20:56:11.676285' / Mean datetime of observation
AIRMASS =             1.051838 / Airmass
""",
        {
            "middle": "2023-02-19T20:56:14.339767",
            "gain": 1.024,
            "read_noise": 2.8,
            "saturation": 65536,
            "pixel_scale": 0.1415,
            "quiet": True,
        },
    ),
    # PANIC documentation
    # Starlink AST, t/fitschan.t
    (
        "UKIRT UFTI, two exposures in one",
        """
OBJECT  = 'Bo      '           / Object name from telescope
OBSTYPE = 'OBJECT  '           / Type of observation
DATE-OBS= '2004-02-14T06:39:48.000'/ Date of observation
DATE-END= '2004-02-14T06:39:57Z'/ Date and time (UTC) of end   of observation
AMSTART =                1.064 / Airmass at start of observation
UTSTART =                6.672 / [h] Start time of observation
EXP_TIME=                  3.0 / [s] Integration time per exposure
INT_TIME=                  6.0 / [s] Total exposure time for integration
NEXP    =                    2 / Number of exposures in integration
GAIN    =                5.454 / [e/ADU] Detector gain
FILTER  = '2.27    '           / Combined filter name
""",
        {"gain": 5.454, "airmass": 1.064, "filter": "2.27"},
    ),
    (
        "UKIRT CGS4",
        """
OBSTYPE = 'OBJECT  '           / Type of observation
EXPOSED =                  180 / Total exposure time for integration
""",
        {"exposure": 180, "sky": True},
    ),
    (
        "Apogee AM and AP, 2003",
        """
DATE-OBS= '2003-10-03          '
TIME-OBS= '02:56:05            '
OBSERVAT=
EXPOSURE= +1.000000000000e-002
OBJECT  = '                    '
""",
        {"middle": "2003-10-03T02:56:05.005", "exposure": 0.01, "field": "", "observatory": "", "quiet": True},
    ),
    (
        "ESO NTT EFOSC of MIDAS",
        """
DATE-OBS= '2011-11-22'         / MIDAS desc.: O_TIME(1)
MJD-OBS =         55887.347975 / MIDAS desc.: O_TIME(4)
TM-START=       30065.04000099 / MIDAS desc.: O_TIME(5)
EXPTIME =             900.0005 / MIDAS desc.: O_TIME(7)
UTC     =               30057. / 08:20:57.000 UTC at start (sec)
""",
        {"middle": "2011-11-22T08:28:35.04"},
    ),
    (
        "ESO of 1992, seconds in TM-START",  # IRAF, help of asthedit
        """
DATE-OBS= '12/12/92'            / Date this data created dd/mm/yy
TM-START=             84854.    / '23:34:14' measurement start time
TM-END  =             84974.    / '23:36:14' measurement end time (U
EXPTIME =                 120.0
IMAGETYP= 'object  '
""",
        {"middle": "1992-12-12T23:35:14"},
    ),
    # INDI, drivers of about 2008
    (
        "INDI of 2008, SBIG",
        """
EXPOSURE= 30000 / milliseconds
FRAME   = 'Flat Field'
INSTRUME= 'SBIG CCD'
""",
        {"exposure": 30, "sky": False},
    ),
    # mountwizzard4, tests
    (
        "INDI, QSI, MountWizzard",
        """
OBJECT  = 'ced214  '           / Object name
EXPTIME =         9.000000E+02 / Total Exposure Time (s)
PIXSIZE1=         3.690000E+00 / Pixel Size 1 (microns)
XBINNING=                    1 / Binning factor in width
FRAME   = 'Light   '           / Frame Type
FILTER  = 'Ha      '           / Filter
FOCALLEN=             5.80E+02 / Focal Length (mm)
AIRMASS =         1.062458E+00 / Airmass
DATE-OBS= '2018-10-13T21:12:41.560Z' / UTC start date of observation
EPERADU =                0.251 / Electrons per ADU
SCALE   =     1.32234282888689 / MountWizzard4
""",
        {"middle": "2018-10-13T21:20:11.56", "gain": 0.251, "pixel_scale": 1.322343, "sky": True, "quiet": True},
    ),
    # astropy, nddata/tests/data/sip-wcs.fits
    (
        "Apogee Alta, Feder",
        """
DATE-OBS= '2011-09-01T02:09:05' / YYYY-MM-DDThh:mm:ss observation start, UT
EXPTIME =                120.0 / Exposure time in seconds
IMAGETYP= 'LIGHT   '           / Type of image
FOCALLEN=                  0.0 / Focal length of telescope in mm
JD-OBS  =    2455805.589641204 / Julian Date at start of observation
MJD-OBS =      55805.089641204 / Modified Julian date at start of observation
FILTER  = 'B       '           / Filter used when taking image
""",
        {"middle": "2011-09-01T02:10:05", "filter": "B", "quiet": True},
    ),
    # astropy, io/fits/tests/data
    (
        "HST WFPC2",
        """
FILTNAM1= 'F673N   '           / first filter name
FILTNAM2= '        '           / 2nd    filter name
FILTER1 =                   33 / first filter number (0-48)
FILTER2 =                    0 / second filter number (0-48)
ATODGAIN=                  7.0 / Analog to Digital Gain (Electrons/DN)
SATURATE=                 4095 / Data value at which saturation occurs
DATE-OBS= '19/05/94'           / UT date of start of observation (dd/mm/yy)
TIME-OBS= '15:41:16'           / UT time of start of observation (hh:mm:ss)
EXPSTART=       49491.65366175 / exposure start time (Modified Julian Date)
EXPEND  =       49491.65366441 / exposure end time (Modified Julian Date)
EXPTIME =                 0.23 / exposure duration (seconds)--calculated
DETECTOR=                    1 / CCD detector: PC 1, WFC 2-4
""",
        {"middle": "1994-05-19T15:41:16.5", "gain": 7, "filter": "F673N", "ccd": "1", "saturation": 4095},
    ),
    (
        "UK Schmidt, DSS plate",
        """
DATE-OBS= '11/03/76'           / UT date of Observation
UT      = '17:38:00.00'        / UT time of observation
EPOCH   =      1976.1932373047 / Epoch of plate
EXPOSURE=                 70.0 / Exposure time minutes
PLTSCALE=                 67.2 / Plate Scale arcsec per mm
OBJECT  = 'dss126604'          / Object ID
""",
        {"middle": "1976-03-11T18:13:00", "exposure": 4200, "pixel_scale": math.nan},
    ),
    # lsst/obs_lsst, tests/data
    (
        "Rubin LATISS of 2018",
        """
DATE    = '2018-09-21T06:12:22.390' / Creation Date and Time of File
DATE-OBS= '2018-09-21T06:12:18.210' / Date of the observation (image acquisition
MJD     =    58382.25859247707 / Modified Julian Date that the file was written
MJD-OBS =    58382.25854409719 / Modified Julian Date of image acquisition
EXPTIME =                 27.0 / Exposure Time in Seconds
""",
        {"middle": "2018-09-21T06:12:31.71", "quiet": True},
    ),
    (
        "Rubin ComCam",
        """
MJD     =   60405.425073182676 / Modified Julian Date that the file was written
IMGTYPE = 'OBJECT  '           / BIAS, DARK, FE55, FLAT, FLAT_<lam>, SPOT, PPUMP
DATE-OBS= '2024-04-05T10:11:33.270' / Date of the image trigger (readout)
MJD-OBS =   60405.424690625165 / Modified Julian Date of image trigger
DATE-BEG= '2024-04-05T10:11:33.270' / Time at the start of integration
MJD-BEG =   60405.424690625165 / Modified Julian Date derived from DATE-BEG
DATE-END= '2024-04-05T10:12:06.323' / End date of the observation
MJD-END =   60405.425073182676 / Date derived from DATE-END
TIMESYS = 'TAI     '           / The time scale used
FILTER  = 'r_03    '           / Name of the physical filter
EXPTIME =                 30.0 / Exposure Time in Seconds
AMSTART =   1.0983241429943624
""",
        {"middle": "2024-04-05T10:11:11.27", "filter": "r_03", "airmass": 1.098324, "sky": True, "quiet": True},
    ),
    (
        "phoSim, LSST",  # the clock of the computer in MJD
        """
MJD-OBS =      51591.093522213 / Modified Julian date
DATE-OBS= '2000-02-17T02:14:40.319'
EXPTIME =                  1.0 / Exposure time
CHIPID  = 'R22_S00 '           / Chip/Amplifier ID
IMGTYPE = 'SKYEXP  '
""",
        {"middle": "2000-02-17T02:14:40.819", "ccd": "R22_S00", "sky": True, "quiet": True},
    ),
    (
        "imSim, LSST",
        """
CHIPID  = 'R11_S20 '
MJD-OBS =    59857.28711061111
DATE-OBS= '2022-10-05T06:53:26.357'
DATE-END= '2022-10-05T06:53:56.357'
TIMESYS = 'TAI     '
EXPTIME =                 30.0
IMGTYPE = 'SKYEXP  '
OBSTYPE = 'SKYEXP  '
GAIN    =                  0.7
""",
        {"middle": "2022-10-05T06:53:04.357", "gain": 0.7, "ccd": "R11_S20", "sky": True, "quiet": True},
    ),
    # TESS: keywords and comments are those of real cards (lightkurve, astrocut), the values of one image are made
    (
        "TESS, full frame image of 30 min",
        """
INSTRUME= 'TESS Photometer'    / detector type
CAMERA  =                    4 / Camera number
CCD     =                    4 / CCD chip number
EXPOSURE=   0.0164924019607843 / [d] time on source
TELAPSE =   0.0208245370370370 / [d] TSTOP - TSTART
INT_TIME=       1.980000000000 / [s] photon accumulation time per frame
TIMESYS = 'TDB     '           / time system is Barycentric Dynamical Time (TDB)
DATE-OBS= '2018-11-15T11:24:02.473Z' / TSTART as UTC calendar date
DATE-END= '2018-11-15T11:54:01.713Z' / TSTOP as UTC calendar date
GAINA   =                 5.24 / [electrons/count] CCD output A gain
""",
        {"start": "2018-11-15T11:24:02.473", "exposure": 1424.94, "gain": 5.24},
    ),
    # IRAC: astropy, wcs/tests/data/irac_sip.hdr
    (
        "Spitzer IRAC",
        """
OBJECT  = 'BRI0021-02'         / Target Name
DATE_OBS= '2003-12-06T10:46:35.021' / Date & time at DCE start
EXPTIME =                 26.8 / [sec] Effective integration time per pixel
GAIN    =                  3.3 / e/DN conversion
RONOISE =                  9.1 / [Electrons] Readout Noise from array
""",
        {"middle": "2003-12-06T10:46:48.421", "gain": 3.3, "read_noise": 9.1},
    ),
    # description of a JWST mosaic of GOODS-South
    (
        "JWST NIRCam, mosaic of weeks",
        """
DATE-BEG= '2022-12-02T11:57:26.247' / ISO-8601 time at start of observation
MJD-BEG =      59915.498220451 / [d] MJD at start of observation
DATE-AVG= '2022-12-05T13:08:53.193' / ISO-8601 time at midpoint of observation
MJD-AVG =      59918.547837878 / [d] MJD at midpoint of observation
DATE-END= '2022-12-20T14:25:55.148' / ISO-8601 time at end of observation
MJD-END =      59933.601332731 / [d] MJD at end of observation
XPOSURE =           148842.028 / [s] Exposure (integration) time
TELAPSE =           148842.028 / [s] Elapsed time (start to stop)
""",
        {"middle": "2022-12-05T13:08:53.193", "exposure": 148842.028},
    ),
    # bigboss/tractor and Roman RAPID
    (
        "WISE, atlas image",
        """
BAND    =                    1 / wavelength band number
MAGZP   =                 20.5 / [mag] relative photometric zero point
""",
        {"zero_point": 20.5, "filter": "1"},
    ),
    # KPNO 4 m mosaic reduced at CASU (exercises of Imperial College): counts per second, as all of CASU
    (
        "CASU, zero point for default extinction",
        """
EXPTIME =              720.000
MAGZPT  =            2.530E+01 / Photometric ZP (mags) for default extinction
MAGZRR  =            2.000E-02 / Photometric ZP error (mags)
""",
        {"zero_point": 32.443},
    ),
    # SPIRou (apero): documentation of the headers of CFHT
    (
        "CFHT SPIRou",
        """
OBSTYPE = 'OBJECT  '           / Observation / Exposure type
AIRMASS =                1.151 / Airmass at start of observation
GAIN    =                0.999 / Amplifier gain (electrons/ADU)
RDNOISE =                 10.9 / Read noise (electrons)
EXPTIME =              300.884 / [sec] Integration time
SATURATE=                60000 / Saturation value (ADU)
MJDATE  =        58593.5428846 / Modified Julian Date at start of observation
MJDEND  =        58593.5467937 / Modified Julian Date at end of observation
DATE-OBS= '2019-04-20'         / Date at start of observation (UTC)
UTC-OBS = '13:01:45.23'        / Time at start of observation (UTC)
""",
        {"middle": "2019-04-20T13:04:15.672", "gain": 0.999, "read_noise": 10.9, "saturation": 60000, "quiet": True},
    ),
    (
        "Goodman, SOAR",
        """
PARAM18 =                    2 / Serial Binning,Pixels
RDNOISE =             3.690000 / CCD readnoise [e-]
GAIN    =             0.560000 / CCD gain [e-/ADU]
""",
        {"gain": 0.56, "read_noise": 3.69, "quiet": True},
    ),
    (
        "N.I.N.A. 3, ZWO ASI585MC",
        """
IMAGETYP= 'LIGHT'              / Type of exposure
EXPTIME =                 10.0 / [s] Exposure duration
DATE-OBS= '2026-10-04T13:45:30.1234567' / Time of observation (UTC)
DATE-AVG= '2026-10-04T13:45:35.2484567' / Averaged midpoint time (UTC)
GAIN    =                  200 / Sensor gain
OFFSET  =                    3 / Sensor gain offset
EGAIN   =    0.239999994635582 / [e-/ADU] Electrons per A/D unit
XPIXSZ  =                  5.8 / [um] Pixel X axis size
""",
        {"middle": "2026-10-04T13:45:35.248", "gain": 0.24, "quiet": True},
    ),
    (
        "N.I.N.A., QHY268M, no comments",
        """
INSTRUME= 'QHY268M'
GAIN    = 56
EXPTIME = 300.0
DATE-LOC= '2026-05-22T05:57:27.1635541'
DATE-OBS= '2026-05-21T19:57:27.1635541'
""",
        {"middle": "2026-05-21T19:59:57.163", "gain": math.nan},
    ),
    (
        "SDSS guide cameras, basecam",
        """
IMAGETYP= 'object  '           / The image type of the file
EXPTIME =                  1.0 / Exposure time of single integration [s]
TIMESYS = 'TAI     '           / Time reference system
DATE-OBS= '2021-02-15 06:42:59.592779' / Time of the start of the exposure [TAI]
""",
        {"middle": "2021-02-15T06:42:23.093", "exposure": 1, "quiet": True},
    ),
    (
        "T80-South, chimera",
        """
DATE-OBS= '2015-07-29T16:00:27.182012' / Date exposure started
EXPTIME =                  1.0 / exposure time in seconds
IMAGETYP= 'object  '           / Image type
SHUTTER = 'OPEN    '           / Requested shutter state
""",
        {"middle": "2015-07-29T16:00:27.682", "sky": True, "quiet": True},
    ),
    (
        "spectrograph that states start, middle and end",
        """
DATE-OBS= '2025-06-01T21:04:17.546854' / Start of observation
DATE-END= '2025-06-01T21:04:52.549361' / End of observation
DATE-AVG= '2025-06-01T21:04:35.048108' / Midpoint of observation
EXPTIME =                   35 / Exposure time
OBJECT  = 'HD 82106'           / Object name
""",
        {"middle": "2025-06-01T21:04:35.048", "field": "HD 82106", "quiet": True},
    ),
    # Pan-STARRS: keywords and comments are those of the IPP (pmConcepts), the values are made
    (
        "Pan-STARRS 1, warp",
        """
EXPTIME =                 43.0 / Exposure time (sec)
MJD-OBS =         55560.462277 / Start time of observation
AIRMASS =                1.088 / Airmass at boresight
HIERARCH FPA.OBJECT = 'ThreePi' / Name of object
HIERARCH FPA.FILTERID = 'g.00000 ' / Filter used (parsed, abstract name)
HIERARCH FPA.ZP = 24.58 / Magnitude zero point
HIERARCH CELL.GAIN = 1.06 / CCD gain (e/count)
HIERARCH CELL.READNOISE = 5.6 / CCD read noise (e)
HIERARCH CELL.SATURATION = 60000. / Saturation level (counts)
""",
        {
            "filter": "g.00000",
            "gain": 1.06,
            "read_noise": 5.6,
            "saturation": 60000,
            "airmass": 1.088,
        },
    ),
    # Names of kinds of frames as programs write them:
    *[
        (f"kind of frame: {kind}", f"IMAGETYP= '{kind}'\nEXPTIME = 10.0", {"sky": sky})
        for kind, sky in {
            "LIGHT": True,
            "Light Frame": True,
            "SNAPSHOT": True,
            "Master Light": True,
            "object": True,
            "EXT": True,
            "DARKFLAT": False,  # N.I.N.A.
            "DarkFlat": False,  # KStars
            "Dark Flat": False,
            "Master Dark": False,
            "masterFlat": False,
            "Bias Frame": False,
            "FLAT FIELD": False,
            "zero": False,
            "comp": False,
            "flat-fielded": True,
        }.items()
    ],
    *[
        (f"kind of frame of ESO: {kind}, {category}", cards, {"sky": sky})
        for category, kind, sky in [
            ("SCIENCE", "OBJECT", True),
            ("CALIB", "STD", True),
            ("CALIB", "STD,ZEROPOINT", True),
            ("CALIB", "FLAT,SKY", False),
            ("CALIB", "FLAT,TWILIGHT", False),
            ("CALIB", "BIAS", False),
            ("CALIB", "DARK", False),
            ("CALIB", "FOCUS", False),
            ("CALIB", "WAVE,LAMP", False),
        ]
        for cards in [f"EXPTIME = 10.0\nHIERARCH ESO DPR CATG = '{category}'\nHIERARCH ESO DPR TYPE = '{kind}'"]
    ],
    (
        "a focal ratio is no focal length",
        "FOCAL   =                 6.85 / Telescope focal ratio\nXPIXSZ  =                 3.76 / [um]",
        {"pixel_scale": math.nan},
    ),
]

NUMBERS = ("exposure", "pixel_scale", "seeing", "gain", "read_noise", "saturation", "zero_point", "airmass")
NAMES = ("field", "ccd", "filter", "observatory")


@pytest.mark.parametrize(("cards", "true"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_reads_the_headers_of_real_cameras(cards, true):
    header = fits.Header.fromstring(cards.strip("\n"), sep="\n")
    wcs, odd = celestial(header)
    found = understand(header, wcs)

    wrong = {}
    for name in NUMBERS:
        if name in true and found[name].value != pytest.approx(true[name], rel=5e-4, nan_ok=True):
            wrong[name] = (found[name].value, true[name])
    for name in NAMES:
        if name in true and found[name].value != true[name]:
            wrong[name] = (found[name].value, true[name])
    moment = true.get("middle") or true.get("start")
    if moment:
        mjd = Time(moment, scale="utc").mjd + (0 if "middle" in true else true["exposure"] / 2 / 86400)
        if not abs(found["mjd"].value - mjd) * 86400 < 1.0:
            wrong["middle, s"] = (found["mjd"].value - mjd) * 86400
    if "sky" in true and true["sky"] != (not found["no_sky"].value):
        wrong["sky"] = found["no_sky"].value
    doubts = [doubt.text for each in found.values() for doubt in each.doubts] + [doubt.text for doubt in odd]
    if true.get("quiet") and doubts:
        wrong["doubts"] = doubts
    assert not wrong
